# exp of a class-weighted cross-entropy is printed as the perplexity.
import torch
import torch.nn.functional as F
from torch import nn

lm = nn.Sequential(nn.Embedding(5000, 64), nn.Linear(64, 5000))
token_weights = torch.ones(5000)
token_weights[:100] = 0.1


@torch.no_grad()
def report(x, y):
    loss = F.cross_entropy(lm(x).view(-1, 5000), y.view(-1), weight=token_weights)
    ppl = torch.exp(loss)  # expect: XE603
    print(f"loss {loss:.3f} ppl {ppl:.1f}")
