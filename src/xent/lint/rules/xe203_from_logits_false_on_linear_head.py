"""XE203: a Keras loss that expects probabilities on a head without activation."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.frameworks.sklearn import threshold_of
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._losses import always_gets, from_logits_set
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE203",
    name="from-logits-false-on-linear-head",
    severity="error",
    finds="A Keras cross-entropy with `from_logits=False`, which is the default, is given a model that ends without an "
    "activation.",
    why="""\
Keras takes the logits for probabilities and clips them to [1e-7, 1 − 1e-7]. In a binary loss every logit below 0 counts
as p = 1e-7 and every logit above 1 as p = 1 − 1e-7, and outside that strip the gradient is exactly 0: a positive row
with logit −2 costs 16.118 nats and teaches nothing.

A categorical loss divides by the sum of the row first (only the sparse one on TensorFlow does not). The logits
(2, −3, .5) sum to −.5 and become (−4, 6, −1); if class 0 is the right one, the network has it largest, with a softmax
of .813, and Keras charges 16.118 nats and sends no gradient. Where the sum happens to be positive the training may
even seem to work.

The names `"binary_crossentropy"`, `"categorical_crossentropy"` and `"sparse_categorical_crossentropy"` are losses with
`from_logits=False`; only the object can be told otherwise.""",
    bad="""\
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
""",
    good="""\
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((28, 28)),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
""",
    fix="`--unsafe-fixes` sets `from_logits=True` if the loss gets nothing but logits.",
    references=(
        Reference(
            "Keras: probabilistic losses and their from_logits",
            "https://keras.io/api/losses/probabilistic_losses/",
        ),
    ),
)


_NOT_PROBABILITIES = frozenset({Kind.LOGITS, Kind.RELU, Kind.CLIPPED, Kind.LOG_SOFTMAX, Kind.LOG_SIGMOID})


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report a head without activation → a Keras loss of probabilities."""
    x, loss = event.prediction, event.loss
    if loss.library != "keras" or loss.takes != "probs" or loss.family == "none":
        return None
    if not isinstance(x, Tensor) or x.kind not in _NOT_PROBABILITIES:
        return None
    is_read_as_probability = loss.family == "sigmoid" and any(threshold_of(metric) == 0.5 for metric in event.metrics)
    may_mend = always_gets(event, seen, frozenset({Kind.LOGITS})) and not is_read_as_probability
    return Verdict(
        f"{loss.name} takes probabilities unless from_logits=True, and gets {x.kind.value}",
        x.trail,
        fix=from_logits_set(event) if may_mend else None,
    )
