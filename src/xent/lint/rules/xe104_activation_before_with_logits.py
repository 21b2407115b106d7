"""XE104: softmax or sigmoid before a TensorFlow or optax loss that applies its own."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import activation_removed
from xent.lint.values import PROBABILITIES, Kind, Tensor

RULE = Rule(
    code="XE104",
    name="activation-before-with-logits",
    severity="error",
    finds="Probabilities of a softmax or a sigmoid are handed to a loss of TensorFlow or optax that expects logits.",
    why="""\
`tf.nn.softmax_cross_entropy_with_logits`, `optax.softmax_cross_entropy` and their like apply the softmax or the sigmoid
themselves. On probabilities they apply it twice: the loss sees “logits” in [0, 1]. With 10 classes it cannot fall below
ln(e + 9) − 1 = 1.461 nats; with 1,000 classes a training starts at ln 1000 = 6.908 and ends at 5.909 at best. A binary
loss scores probabilities between .5 and .731 only.

The gradient passes through both activations and nearly vanishes where the network is confidently wrong. Nothing fails
and the accuracy may rise all the same, for the order of the classes survives a second softmax.""",
    bad="""\
import flax.linen as nn
import optax


class Classifier(nn.Module):
    @nn.compact
    def __call__(self, features):
        hidden = nn.relu(nn.Dense(64)(features))
        return nn.softmax(nn.Dense(10)(hidden))


model = Classifier()


def loss_fn(params, features, labels):
    outputs = model.apply(params, features)
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean()
""",
    good="""\
import flax.linen as nn
import optax


class Classifier(nn.Module):
    @nn.compact
    def __call__(self, features):
        hidden = nn.relu(nn.Dense(64)(features))
        return nn.Dense(10)(hidden)


model = Classifier()


def loss_fn(params, features, labels):
    logits = model.apply(params, features)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def predict(params, features):
    return nn.softmax(model.apply(params, features))
""",
    fix="`--unsafe-fixes` removes the activation where the file shows no use of its result but the loss.",
    references=(
        Reference(
            "TensorFlow: softmax_cross_entropy_with_logits, “Do not call this op with the output of softmax”",
            "https://www.tensorflow.org/api_docs/python/tf/nn/softmax_cross_entropy_with_logits",
        ),
        Reference(
            "Optax: losses",
            "https://optax.readthedocs.io/en/latest/api/losses.html",
        ),
    ),
)

_OWN = {"softmax": Kind.SOFTMAX, "sigmoid": Kind.SIGMOID}


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report an activated value → a loss of TensorFlow or optax that takes logits."""
    x, loss = event.prediction, event.loss
    if loss.takes != "logits" or loss.library not in ("tf", "optax"):
        return None
    if not isinstance(x, Tensor) or x.kind not in PROBABILITIES:
        return None
    return Verdict(
        f"{loss.name} takes logits and applies {loss.family} itself, and gets {x.kind.value}",
        x.trail,
        fix=activation_removed(event, seen, _OWN[loss.family]),
    )
