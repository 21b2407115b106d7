"""XE603: the perplexity of a loss that is not the mean negative log-likelihood in nats."""

from xent.lint.rule import Reference, Rule

RULE = Rule(
    code="XE603",
    name="perplexity-of-another-loss",
    severity="warning",
    finds="exp is taken of a loss that is smoothed, weighted or in bits, and called a perplexity.",
    why="""\
The perplexity is exp of the mean −ln p over the tokens. exp of another loss cannot be compared with one.

**Smoothed.** With ε = .1 and 32,000 tokens the loss cannot fall below the entropy of the smoothed target, 1.362 nats: a
model that knows every next token still shows 3.91 at least. **Weighted.** The loss is Σ w_y (−ln p)/Σ w_y, in which a
token counts as often as its weight says and not as often as it occurs. **In bits.** A loss of 3 nats is 3/ln 2 = 4.328
bits. exp(3) = 2^4.328 = 20.1, but exp(4.328) = 75.8.

Evaluate with the plain cross-entropy, and sum over the whole set before dividing and taking exp: a mean of the
perplexities of batches is never smaller than the perplexity of the whole, and mostly larger.""",
    bad="""\
import math

import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Embedding(8000, 64), nn.Linear(64, 8000))


@torch.no_grad()
def perplexity(tokens):
    logits = model(tokens[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), label_smoothing=0.1)
    return math.exp(loss.item())
""",
    good="""\
import math

import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Embedding(8000, 64), nn.Linear(64, 8000))


@torch.no_grad()
def perplexity(tokens):
    logits = model(tokens[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    return math.exp(loss.item())
""",
    references=(
        Reference(
            "Hugging Face: perplexity of fixed-length models",
            "https://huggingface.co/docs/transformers/perplexity",
        ),
        Reference(
            "Szegedy et al. (2015), Rethinking the Inception Architecture: label smoothing",
            "https://arxiv.org/abs/1512.00567",
        ),
    ),
)
