"""XE303: softmax with a binary cross-entropy, or sigmoid with a categorical one."""

from xent.lint.rule import Reference, Rule

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
