"""XE105: Keras' from_logits=True on a head that ends in a softmax or a sigmoid."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._losses import always_gets, from_logits_removed
from xent.lint.values import PROBABILITIES, Kind, Tensor

RULE = Rule(
    code="XE105",
    name="from-logits-on-activated-head",
    severity="error",
    finds="A Keras loss with `from_logits=True` is given a model that ends in a softmax or a sigmoid.",
    why="""\
`from_logits=True` makes the loss apply the activation, and the model has applied it already. With 10 classes the loss
cannot fall below ln(e + 9) − 1 = 1.461 nats, and the gradient passes through two softmaxes. With a sigmoid the loss
scores probabilities between .5 and .731 only.

What happens depends on the backend. On JAX and PyTorch Keras applies both and says nothing. On TensorFlow it looks for
the logits behind the last activation, and where it finds them it uses those and warns “received `from_logits=True`,
but the `output` argument was produced by a Softmax activation”: the training is then right, and the same file trains
something else on another backend.

Mend one side only: either drop the activation (the stable form), or drop `from_logits=True`.""",
    bad="""\
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((784,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
""",
    good="""\
import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((784,)),
        layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ]
)
model.compile(
    optimizer="adam",
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)


def predict(images):
    return keras.ops.softmax(model(images))
""",
    fix="`--unsafe-fixes` removes `from_logits=True`: the activation stays, as what predicts may count on it.",
    references=(
        Reference(
            "Keras: probabilistic losses and their from_logits",
            "https://keras.io/api/losses/probabilistic_losses/",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report an activated value → a Keras loss that was told to expect logits."""
    x, loss = event.prediction, event.loss
    if loss.takes != "logits" or loss.library != "keras":
        return None
    if not isinstance(x, Tensor) or x.kind not in PROBABILITIES:
        return None
    own = frozenset({Kind.SIGMOID if loss.family == "sigmoid" else Kind.SOFTMAX})
    fix = from_logits_removed(event) if always_gets(event, seen, own) else None
    return Verdict(
        f"{loss.name} has from_logits=True and applies {loss.family} itself, and gets {x.kind.value}", x.trail, fix=fix
    )
