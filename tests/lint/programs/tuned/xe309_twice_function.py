# scale() divides by the temperature, and the caller divides its result by the same temperature again.
import torch


def scale(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    return logits / temperature


@torch.no_grad()
def next_token(model, ids, temperature=0.7):
    logits = model(ids).logits[:, -1]
    scaled = scale(logits, temperature)
    probs = torch.softmax(scaled / temperature, dim=-1)  # expect: XE309
    return torch.multinomial(probs, num_samples=1)
