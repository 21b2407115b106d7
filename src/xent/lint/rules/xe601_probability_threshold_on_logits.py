"""XE601: a metric with a probability threshold is given logits."""

from xent.lint.events import LossCall, Threshold
from xent.lint.evidence import Seen
from xent.lint.frameworks.sklearn import threshold_of
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE601",
    name="probability-threshold-on-logits",
    severity="error",
    finds="An accuracy with a probability threshold is computed on logits.",
    why="""\
Keras' `BinaryAccuracy` compares with .5 and applies no sigmoid. On logits the threshold is p = σ(.5) = .622: a positive
row with logit .3, p = .574, counts as wrong. The string `"accuracy"` means the same metric for a head of one unit, and
`from_logits=True` of the loss does not reach it. Precision and Recall have the same threshold.

torchmetrics applies a sigmoid to a batch only if a value lies outside [0, 1]. The logits (.3, .7, .45) with the labels
(1, 1, 0) have the accuracy .667; with −.45 in place of .45 the first row is called positive and it is 1. The verdict on
a row depends on its neighbours in the batch.

Give the metric probabilities, or the threshold 0.""",
    bad="""\
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((30,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy()],
)
""",
    good="""\
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((30,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
)
""",
    references=(
        Reference(
            "Keras: BinaryAccuracy and its threshold",
            "https://keras.io/api/metrics/accuracy_metrics/",
        ),
        Reference(
            "torchmetrics: accuracy, and when it applies a sigmoid",
            "https://lightning.ai/docs/torchmetrics/stable/classification/accuracy.html",
        ),
    ),
    unsure="A comparison of logits with .5 by hand is XE308.",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report a Keras metric with its threshold of 0.5 beside a loss of logits."""
    x = event.prediction
    if (
        event.loss.takes != "logits"
        or event.loss.family != "sigmoid"
        or not isinstance(x, Tensor)
        or x.kind is not Kind.LOGITS
    ):
        return None
    if not any(threshold_of(metric) == 0.5 for metric in event.metrics):
        return None
    return Verdict(
        "the accuracy compares logits with 0.5, the threshold of a probability: BinaryAccuracy(threshold=0.0)", x.trail
    )


@RULE.on(Threshold)
def rounded(event: Threshold, seen: Seen) -> Verdict | None:
    """Report logits that are rounded as if they were probabilities."""
    x = event.value
    if x.kind is not Kind.LOGITS or not event.rounded:
        return None
    if "decision" not in x.marks and not (
        x.origin in seen.logits_of and seen.logits_of[x.origin].loss.family == "sigmoid"
    ):
        return None
    return Verdict("rounding asks whether a probability is over 0.5; these are logits: compare them with 0", x.trail)
