"""XE303: softmax with a binary cross-entropy, or sigmoid with a categorical one."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE303",
    name="activation-of-another-loss",
    severity="error",
    finds="A softmax head is trained with a binary cross-entropy, or a sigmoid head with a categorical one.",
    why="""\
A softmax says that one class holds, a binary cross-entropy asks K separate questions. Its mean over the K outputs is a
small number that looks like progress: 10 classes at chance cost .325 nats instead of 2.303, and `binary_accuracy` is
.9 before anything is learnt, for 9 of 10 outputs are rightly below .5.

Sigmoids say that several classes may hold, and a categorical cross-entropy divides them by their sum. Only the ratios
are trained: a row of (.993, .993, .993) and a row of (.007, .007, .007) have the same loss, ln 3 = 1.099, so that the
level, which a threshold reads, is left to chance. Keras on TensorFlow takes the logits behind the sigmoid where it
finds them and applies a softmax to those; the outputs are then trained as one thing and read as another.

One class a row: logits and a categorical cross-entropy. Several: logits and a binary one.""",
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
model.compile(optimizer="adam", loss="binary_crossentropy")
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
model.compile(optimizer="adam", loss=keras.losses.CategoricalCrossentropy(from_logits=True))
""",
    references=(
        Reference(
            "Keras: probabilistic losses, binary and categorical",
            "https://keras.io/api/losses/probabilistic_losses/",
        ),
    ),
    unsure="A sigmoid before PyTorch's or TensorFlow's softmax cross-entropy is XE103 or XE104.",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report the probabilities of one family → the loss of the other."""
    x, loss = event.prediction, event.loss
    if (
        loss.takes != "probs"
        or not isinstance(x, Tensor)
        or "column" in x.marks
        or loss.library == "sklearn"
        or (x.n_classes == 1 and x.kind is Kind.SOFTMAX)
    ):
        return None
    if loss.family == "sigmoid" and x.kind is Kind.SOFTMAX:
        if x.n_classes == 2:
            message = "on a softmax over two classes is right by luck: only one-hot labels give what categorical gives"
            return Verdict(f"{loss.name} {message}", x.trail, severity="warning")
        return Verdict(
            f"{loss.name} is for classes each by itself, and gets probabilities of a softmax over all", x.trail
        )
    if loss.family == "softmax" and x.kind is Kind.SIGMOID and loss.library == "keras":
        return Verdict(
            f"{loss.name} is for one class of several, and gets probabilities of a sigmoid, each by itself", x.trail
        )
    return None
