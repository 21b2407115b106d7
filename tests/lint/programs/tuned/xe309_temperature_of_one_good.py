# The logits are scaled by the caller, who says 1 to the sampler.
import torch
from torch.distributions import Categorical


def sample(logits, temperature):
    probs = torch.softmax(logits / temperature, dim=-1)
    return torch.multinomial(probs, num_samples=1)


def step(model, tokens, fraction, t_min, t_max):
    temperature = t_min + (t_max - t_min) * fraction
    logits = model(tokens) / temperature
    return sample(logits, temperature=1.0), Categorical(logits=logits).entropy()
