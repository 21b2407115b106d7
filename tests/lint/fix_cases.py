"""Programs before and after the fix of a rule. Each defines ``value(x, y)``: what it trains, or computes."""

from typing import NamedTuple

TORCH = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n"
HEAD = TORCH + "head = nn.Linear(8, 3)\n"
ONE = TORCH + "head = nn.Linear(8, 1)\n"
JAX = "import jax\nimport jax.numpy as jnp\nimport optax\n\n"
NUMPY = "import numpy as np\nfrom scipy import special\n\n"
NET = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return {returned}


net = Net()
"""
SEQUENTIAL = "net = nn.Sequential(nn.Linear(8, 3), nn.{last})\n"
KERAS = "import keras\nfrom keras import layers\n\n"
KERAS_MODEL = (
    'model = keras.Sequential([keras.Input((8,)), layers.Dense(3{activation})])\nmodel.compile("sgd", {loss})\n'
)


class Case(NamedTuple):
    """``right`` is what the fixed program's value must be, in words of its own names; None where it was right before.

    ``y``: what the targets are. None: the program cannot be run here.
    """

    code: str
    name: str
    before: str
    after: str
    right: str | None = None
    y: str | None = "classes"

    @property
    def is_safe(self) -> bool:
        return self.right is None and self.y is not None


def swap(code: str, name: str, frame: str, old: str, new: str, right: str | None = None, y: str | None = "classes"):
    """Make a case of a program in which one part changes."""
    assert frame.count("@") == 1
    return Case(code, name, frame.replace("@", old), frame.replace("@", new), right, y)


VALUE = "\n\ndef value(x, y):\n    return @\n"
CE = "F.cross_entropy(head(x), y)"
CE_OF_NET = "F.cross_entropy(net.head(x), y)"
CE_OF_FIRST = "F.cross_entropy(net[0](x), y)"
LOSS_OF_NET = "\n\ndef value(x, y):\n    return F.cross_entropy(net(x), y)\n"
BCE = "F.binary_cross_entropy_with_logits(head(x), y)"
ARGMAX = """

def accuracy(x, y):
    net.eval()
    return (net(x).argmax(1) == y).float().mean()


def best(x):
    outputs = net(x)
    _, classes = torch.max(outputs.data, 1)
    return classes
"""

XE1 = [
    swap("XE101", "function", HEAD + VALUE, "F.cross_entropy(F.softmax(head(x), dim=1), y)", CE, CE),
    swap("XE101", "method", HEAD + VALUE, "F.cross_entropy(head(x).softmax(dim=1), y)", CE, CE),
    swap(
        "XE101",
        "of a sum, and cast",
        HEAD + VALUE,
        "F.cross_entropy(torch.softmax(head(x) + 1, 1).double(), y)",
        "F.cross_entropy((head(x) + 1).double(), y)",
        CE,
    ),
    swap(
        "XE101",
        "over lines, by keywords",
        HEAD + VALUE,
        "F.cross_entropy(\n        target=y,\n        input=F.softmax(\n            head(x), dim=1\n        ),\n    )",
        "F.cross_entropy(\n        target=y,\n        input=head(x),\n    )",
        CE,
    ),
    swap(
        "XE101",
        "same name",
        HEAD + "\n\ndef value(x, y):\n    z = head(x)\n@    return F.cross_entropy(z, y)\n",
        "    z = F.softmax(z, dim=1)\n",
        "",
        CE,
    ),
    swap(
        "XE101",
        "another name",
        HEAD + "\n\ndef value(x, y):\n    z = head(x)\n    probs = @\n    return F.cross_entropy(probs, y)\n",
        "F.softmax(z, dim=1)",
        "z",
        CE,
    ),
    Case(
        "XE101",
        "forward",
        TORCH + NET.format(returned="F.softmax(self.head(x), dim=1)") + LOSS_OF_NET + ARGMAX,
        TORCH + NET.format(returned="self.head(x)") + LOSS_OF_NET + ARGMAX,
        CE_OF_NET,
    ),
    Case(
        "XE101",
        "layer made in place",
        TORCH + NET.format(returned="nn.Softmax(dim=1)(self.head(x))") + LOSS_OF_NET,
        TORCH + NET.format(returned="self.head(x)") + LOSS_OF_NET,
        CE_OF_NET,
    ),
    swap(
        "XE101",
        "end of a Sequential",
        TORCH + "net = nn.Sequential(nn.Linear(8, 3)@)\n" + LOSS_OF_NET,
        ", nn.Softmax(dim=1)",
        "",
        CE_OF_FIRST,
    ),
    swap(
        "XE101",
        "end of a Sequential on a line of its own",
        TORCH + "net = nn.Sequential(\n    nn.Linear(8, 3),  # the head\n@)\n" + LOSS_OF_NET,
        "    nn.Softmax(dim=1),  # probabilities\n",
        "",
        CE_OF_FIRST,
    ),
    swap(
        "XE101",
        "end of a named Sequential",
        "from collections import OrderedDict\n"
        + TORCH
        + 'net = nn.Sequential(OrderedDict([("fc", nn.Linear(8, 3))@]))\n'
        + LOSS_OF_NET,
        ', ("softmax", nn.Softmax(dim=1))',
        "",
        "F.cross_entropy(net.fc(x), y)",
    ),
    swap(
        "XE101",
        "added to a Sequential",
        TORCH + 'net = nn.Sequential()\nnet.add_module("fc", nn.Linear(8, 3))\n@' + LOSS_OF_NET,
        'net.add_module("softmax", nn.Softmax(dim=1))\n',
        "",
        "F.cross_entropy(net.fc(x), y)",
    ),
    swap(
        "XE102",
        "function",
        ONE + VALUE,
        "F.binary_cross_entropy_with_logits(torch.sigmoid(head(x)), y)",
        BCE,
        BCE,
        "labels",
    ),
    swap(
        "XE102",
        "end of a Sequential",
        TORCH
        + "net = nn.Sequential(nn.Linear(8, 1)@)\nloss = nn.BCEWithLogitsLoss()\n\n\n"
        + "def value(x, y):\n    return loss(net(x), y)\n",
        ", nn.Sigmoid()",
        "",
        "F.binary_cross_entropy_with_logits(net[0](x), y)",
        "labels",
    ),
    swap("XE103", "method", HEAD + VALUE, "F.cross_entropy(head(x).sigmoid(), y)", CE, CE),
    swap(
        "XE104",
        "optax",
        JAX + VALUE,
        "optax.softmax_cross_entropy_with_integer_labels(jax.nn.softmax(x), y).mean()",
        "optax.softmax_cross_entropy_with_integer_labels(x, y).mean()",
        "-jax.nn.log_softmax(x)[jnp.arange(len(y)), y].mean()",
    ),
    swap(
        "XE104",
        "optax, a helper",
        JAX
        + "\ndef outputs(x):\n    return @\n\n\ndef value(x, y):\n"
        + "    return optax.softmax_cross_entropy_with_integer_labels(outputs(x), y).mean()\n",
        "jax.nn.softmax(2 * x)",
        "2 * x",
        "-jax.nn.log_softmax(2 * x)[jnp.arange(len(y)), y].mean()",
    ),
    swap(
        "XE104",
        "TensorFlow",
        "import tensorflow as tf\n" + VALUE,
        "tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=tf.sigmoid(x))",
        "tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x)",
        y=None,
    ),
    Case(
        "XE105",
        "compile",
        KERAS
        + KERAS_MODEL.format(
            activation=', activation="softmax"', loss="keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
        ),
        KERAS
        + KERAS_MODEL.format(activation=', activation="softmax"', loss="keras.losses.SparseCategoricalCrossentropy()"),
        y=None,
    ),
    swap("XE107", "in the call", HEAD + VALUE, "F.cross_entropy(F.log_softmax(head(x), dim=1), y)", CE),
    Case(
        "XE107",
        "forward",
        TORCH + NET.format(returned="F.log_softmax(self.head(x), 1)") + LOSS_OF_NET,
        TORCH + NET.format(returned="self.head(x)") + LOSS_OF_NET,
        CE_OF_NET,
    ),
]
NLL_OF_NET = "\n\ndef value(x, y):\n    return F.nll_loss(net(x), y)\n"
TABLE = HEAD + "\n\ndef value(x, y):\n    z = head(torch.ones(4, 8))\n    return @\n"
KL_RIGHT = "(y * (y.log() - head(x).log_softmax(1))).sum(1).mean()"
XE2_TO_XE4 = [
    swap(
        "XE201",
        "function",
        HEAD + VALUE,
        "F.nll_loss(F.softmax(head(x), 1), y)",
        "F.nll_loss(F.log_softmax(head(x), 1), y)",
        CE,
    ),
    Case(
        "XE201",
        "end of a Sequential",
        TORCH + SEQUENTIAL.format(last="Softmax(dim=1)") + NLL_OF_NET,
        TORCH + SEQUENTIAL.format(last="LogSoftmax(dim=1)") + NLL_OF_NET,
        CE_OF_FIRST,
    ),
    Case(
        "XE203",
        "an object",
        KERAS
        + KERAS_MODEL.format(activation="", loss="loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1)"),
        KERAS
        + KERAS_MODEL.format(
            activation="", loss="loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1, from_logits=True)"
        ),
        y=None,
    ),
    Case(
        "XE203",
        "a name",
        KERAS + KERAS_MODEL.format(activation="", loss='loss="sparse_categorical_crossentropy"'),
        KERAS
        + KERAS_MODEL.format(activation="", loss="loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
        y=None,
    ),
    swap(
        "XE205",
        "the default",
        HEAD + "loss = nn.KLDivLoss(@)\n\n\ndef value(x, y):\n    return loss(F.log_softmax(head(x), dim=1), y)\n",
        "",
        'reduction="batchmean"',
        KL_RIGHT,
        "distributions",
    ),
    swap(
        "XE205",
        "said",
        HEAD + "\n\ndef value(x, y):\n    return F.kl_div(F.log_softmax(head(x), dim=1), y, reduction=@)\n",
        "'mean'",
        '"batchmean"',
        KL_RIGHT,
        "distributions",
    ),
    swap(
        "XE206",
        "class",
        ONE + "loss = nn.@()\n\n\ndef value(x, y):\n    return loss(head(x), y)\n",
        "BCELoss",
        "BCEWithLogitsLoss",
        BCE,
        "labels",
    ),
    swap(
        "XE206",
        "function",
        ONE + "\n\ndef value(x, y):\n    return F.binary_cross_entropy@(head(x), y, reduction='sum')\n",
        "",
        "_with_logits",
        BCE + " * 64",
        "labels",
    ),
    swap(
        "XE307",
        "no axis",
        TORCH + "embed = nn.Embedding(4, 5)\nhead = nn.Linear(5, 3)\n" + VALUE,
        "F.softmax(head(embed(y[None])))",
        "F.softmax(head(embed(y[None])), dim=-1)",
        "head(embed(y[None])).exp() / head(embed(y[None])).exp().sum(2, keepdim=True)",
    ),
    swap("XE307", "no axis of two", TABLE, "F.softmax(z)", "F.softmax(z, dim=1)"),
    swap(
        "XE307",
        "the rows",
        TABLE,
        "torch.softmax(z, dim=0)",
        "torch.softmax(z, dim=1)",
        "head(torch.ones(4, 8)).exp() / head(torch.ones(4, 8)).exp().sum(1, keepdim=True)",
    ),
    swap(
        "XE308",
        "comparison",
        ONE + "\n\ndef train(x, y):\n    return F.binary_cross_entropy_with_logits(head(x), y)\n" + VALUE,
        "head(x) > 0.5",
        "head(x) > 0.0",
        "torch.sigmoid(head(x)) > 0.5",
        "labels",
    ),
    swap(
        "XE308",
        "method",
        ONE + "\n\ndef train(x, y):\n    return F.binary_cross_entropy_with_logits(head(x), y)\n" + VALUE,
        "head(x).ge(.5)",
        "head(x).ge(0.0)",
        "torch.sigmoid(head(x)) >= 0.5",
        "labels",
    ),
    swap(
        "XE405",
        "class",
        ONE + "loss = nn.BCEWithLogitsLoss(@=torch.tensor([3.0]))\n\n\ndef value(x, y):\n    return loss(head(x), y)\n",
        "weight",
        "pos_weight",
        "-(3 * y * F.logsigmoid(head(x)) + (1 - y) * F.logsigmoid(-head(x))).mean()",
        "labels",
    ),
]
XE5 = [
    swap("XE501", "function", TORCH + VALUE, "torch.log(torch.softmax(x, dim=1))", "torch.log_softmax(x, dim=1)"),
    swap("XE501", "functional", TORCH + VALUE, "torch.log(F.softmax(x, -1)).mean(0)", "F.log_softmax(x, -1).mean(0)"),
    swap("XE501", "methods", TORCH + VALUE, "x.softmax(dim=1).log()", "x.log_softmax(dim=1)"),
    swap(
        "XE501",
        "over lines",
        TORCH + VALUE,
        "torch.log(\n        F.softmax(\n            x * 2, dim=1\n        )\n    )",
        "F.log_softmax(\n            x * 2, dim=1\n        )",
    ),
    swap("XE501", "JAX", JAX + VALUE, "jnp.log(jax.nn.softmax(x, axis=1))", "jax.nn.log_softmax(x, axis=1)"),
    swap("XE501", "SciPy", NUMPY + VALUE, "np.log(special.softmax(x, axis=1))", "special.log_softmax(x, axis=1)"),
    swap("XE502", "function", TORCH + VALUE, "torch.log(torch.sigmoid(x))", "F.logsigmoid(x)"),
    swap("XE502", "methods", TORCH + VALUE, "(x - 1).sigmoid().log()", "F.logsigmoid(x - 1)"),
    swap("XE502", "JAX", JAX + VALUE, "jnp.log(jax.nn.sigmoid(x))", "jax.nn.log_sigmoid(x)"),
    swap("XE502", "SciPy", NUMPY + VALUE, "np.log(special.expit(x))", "special.log_expit(x)"),
    swap("XE503", "function", TORCH + VALUE, "torch.log(1 - torch.sigmoid(x))", "F.logsigmoid(-x)"),
    swap("XE503", "of a sum", TORCH + VALUE, "(1.0 - torch.sigmoid(x + 1)).log()", "F.logsigmoid(-(x + 1))"),
    swap("XE503", "JAX", JAX + VALUE, "jnp.log(1 - jax.nn.sigmoid(x))", "jax.nn.log_sigmoid(-x)"),
    swap("XE503", "SciPy", NUMPY + VALUE, "np.log(1 - special.expit(x))", "special.log_expit(-x)"),
    swap(
        "XE505",
        "torch",
        TORCH + VALUE,
        "torch.exp(x) / torch.exp(x).sum(dim=1, keepdim=True)",
        "torch.softmax(x, dim=1)",
    ),
    swap(
        "XE505",
        "JAX",
        JAX + VALUE,
        "jnp.exp(x) / jnp.sum(jnp.exp(x), axis=1, keepdims=True)",
        "jax.nn.softmax(x, axis=1)",
    ),
    swap(
        "XE505",
        "NumPy",
        NUMPY + VALUE,
        "np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)",
        "np.exp(x - np.max(x, axis=1, keepdims=True)) / "
        "np.sum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1, keepdims=True)",
    ),
    swap(
        "XE505",
        "NumPy, all",
        NUMPY + VALUE,
        "np.exp(x[:9]) / np.sum(np.exp(x[:9]))",
        "np.exp(x[:9] - np.max(x[:9])) / np.sum(np.exp(x[:9] - np.max(x[:9])))",
    ),
    swap(
        "XE505",
        "NumPy, a name",
        NUMPY + "\ndef value(x, y):\n    e = np.exp(@)\n    return e / e.sum(axis=0)\n",
        "x",
        "x - np.max(x, axis=0)",
    ),
    swap(
        "XE505",
        "torch, a name",
        TORCH + "\ndef value(x, y):\n    e = torch.exp(@)\n    return e / e.sum(dim=-1, keepdim=True)\n",
        "x",
        "x - torch.amax(x, dim=-1, keepdim=True)",
    ),
]
CASES = XE1 + XE2_TO_XE4 + XE5
