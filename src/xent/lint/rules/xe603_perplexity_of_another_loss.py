"""XE603: the perplexity of a loss that is not the mean negative log-likelihood in nats."""

import math

from xent.lint.events import Exponential
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import constant

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


@RULE.on(Exponential)
def check(event: Exponential, seen: Seen) -> Verdict | None:
    """Report a perplexity of a loss that is no plain negative log-likelihood, or to the wrong base."""
    loss = event.loss
    if "negated" in loss.marks:
        return None
    if (loss.call is None or loss.call.loss.family != "softmax") and "in nats" not in loss.marks:
        return None
    bits, natural = "in bits" in loss.marks, math.isclose(event.base, math.e)
    if bits == natural:
        unit, base = ("bits", "2") if bits else ("nats", "e")
        return Verdict(f"the loss is in {unit}: its perplexity is {base} to the loss", loss.trail)
    if loss.call is None:
        return None
    smoothing = constant(loss.call.options.get("label_smoothing"))
    if isinstance(smoothing, int | float) and smoothing > 0:
        return Verdict(
            "the loss is smoothed: its exponential is no perplexity; take the plain cross-entropy", loss.trail
        )
    weight = loss.call.options.get("weight")
    if weight is not None and constant(weight) is None and weight is not None and not _none(weight):
        return Verdict(
            "the loss is weighted by class: its exponential is no perplexity; take the plain cross-entropy", loss.trail
        )
    return None


def _none(value: object) -> bool:
    return getattr(value, "value", 0) is None
