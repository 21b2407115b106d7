"""XE505: a softmax by hand that does not subtract the maximum."""

from xent.lint.events import Normalised
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._stable import softmax

RULE = Rule(
    code="XE505",
    name="softmax-by-hand",
    severity="warning",
    finds="exp(x)/sum(exp(x)) is computed by hand without subtracting the largest x first.",
    why="""\
exp overflows at 88.7 in float32, at 11.1 in float16 and at 709.8 in float64. Then the quotient is ∞/∞ = NaN, and 0 for
every other class. Where all of a row lies below −104 (float32) every exp is 0 and the quotient is 0/0 = NaN.

Logits of 88 are rare; other scores of that size are not: counts, distances, similarities divided by a temperature of
.01, and anything in float16.

Subtracting the largest x of the row changes nothing in the result and keeps every finite row finite. The softmax of
your library does it.""",
    bad="""\
import numpy as np


def softmax(scores):
    exp = np.exp(scores)
    return exp / exp.sum(axis=1, keepdims=True)


def predict(features, weights):
    return softmax(features @ weights)
""",
    good="""\
import numpy as np


def softmax(scores):
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def predict(features, weights):
    return softmax(features @ weights)
""",
    fix="`--fix` writes the library's softmax where an import gives a name for it, or subtracts the maximum.",
    references=(
        Reference(
            "Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions",
            "https://doi.org/10.1093/imanum/draa038",
        ),
    ),
)


@RULE.on(Normalised)
def check(event: Normalised, seen: Seen) -> Verdict | None:
    """exp(x) / sum(exp(x))."""
    if event.stable:
        return None
    return Verdict(
        "exp overflows from 89 on and is 0 below −104 in float32, and the quotient is NaN: "
        "use softmax, or subtract the maximum first",
        fix=softmax(event),
    )
