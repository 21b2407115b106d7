"""What a wrong argument is answered with: the class, and for each kind of mistake the whole text."""

import pickle

import numpy as np
import pytest

import xent
from xent import information
from xent.errors import DtypeError, OptionError, ShapeError, TargetError
from xent.losses import CrossEntropy, get_loss

Z = np.zeros((3, 4))
Y = [0, 1, 2]
grad = xent.value_and_grad

MESSAGES = {
    # function, class, message, hint
    "no class axis": (
        lambda: xent.softmax(1.0),
        ShapeError,
        "softmax: logits must have a class axis; got a single number",
        "pass one number a class; for one logit a decision use binary_cross_entropy or sigmoid",
    ),
    "axis": (
        lambda: xent.log_softmax(Z, axis=2),
        ShapeError,
        "log_softmax: axis must be an axis of logits; got axis=2 for shape (3, 4)",
        "axis=-1 is the last one",
    ),
    "no classes": (
        lambda: xent.logsumexp(np.zeros((3, 0))),
        ShapeError,
        "logsumexp: logits must have at least one class; got shape (3, 0), empty along axis -1",
        "pass axis= if the classes lie along another axis",
    ),
    "dtype": (
        lambda: xent.softmax(Z.astype(complex)),
        DtypeError,
        "softmax: logits must be real numbers; got dtype complex128",
        "pass a float32 or float64 array",
    ),
    "ragged": (
        lambda: xent.softmax([[1.0, 2.0], [1.0]]),
        ShapeError,
        "softmax: logits must be an array or a list of rows of one length; got rows of several",
        "pad the rows, and let sample_weight or ignore_index leave the padding out",
    ),
    "target's shape": (
        lambda: xent.cross_entropy(Z, [0, 1]),
        ShapeError,
        "cross_entropy: target must have shape (3,) (class indices) or (3, 4) (probabilities); "
        "got shape (2,) for logits of shape (3, 4) with classes along axis 1",
        "check axis=, and that target and logits have the same rows",
    ),
    "target's dtype": (
        lambda: xent.cross_entropy(Z, [0.0, 1.0, 2.0]),
        DtypeError,
        "cross_entropy: target must be integers where it holds class indices; got dtype float64",
        "cast it with .astype('int64'), or pass one probability per class",
    ),
    "no class": (
        lambda: xent.cross_entropy(Z, [0, 4, -1]),
        TargetError,
        "cross_entropy: target must lie in [0, 3] or be ignore_index=-100; got 4 at row 1 (2 such rows)",
        "there are 4 classes, numbered from 0",
    ),
    "no class to score": (
        lambda: information.brier_score(Z + 0.25, [0, 1, 4]),
        TargetError,
        "brier_score: target must lie in [0, 3]; got 4 at row 2 (1 such rows)",
        "there are 4 classes, numbered from 0",
    ),
    "sum": (
        lambda: xent.cross_entropy(Z, np.full((3, 4), 0.3)),
        TargetError,
        "cross_entropy: target must be non-negative and sum to 1 over the classes; "
        "got a sum of 1.2 at row 0 (3 such rows)",
        "several independent labels a row are for binary_cross_entropy; logits are for softmax first",
    ),
    "negative": (
        lambda: information.kl_divergence([[0.5, 0.5], [1.5, -0.5]], [[1, 0], [1, 0]]),
        TargetError,
        "kl_divergence: p must be non-negative and sum to 1 over the classes; got -0.5 at row 1 (1 such rows)",
        "several independent labels a row are for binary_cross_entropy; logits are for softmax first",
    ),
    "shapes of a pair": (
        lambda: information.kl_divergence([0.5, 0.5], [[0.5, 0.5]]),
        ShapeError,
        "kl_divergence: p and q must have the same shape; got (2,) and (1, 2)",
        "repeat one distribution with numpy.broadcast_to",
    ),
    "weight's shape": (
        lambda: xent.cross_entropy(Z, Y, weight=[1.0, 2.0]),
        ShapeError,
        "cross_entropy: weight must have shape (4,) or broadcast to it; got shape (2,)",
        "weight is one number a class, sample_weight one a row",
    ),
    "weight's value": (
        lambda: xent.cross_entropy(Z, Y, sample_weight=[1.0, -2.0, 1.0]),
        OptionError,
        "cross_entropy: sample_weight must be finite and not negative; got -2",
        "use 0 to leave something out",
    ),
    "temperature": (
        lambda: xent.sigmoid(0.0, temperature=0),
        OptionError,
        "sigmoid: temperature must be a finite number above 0; got 0",
        "1.0 changes nothing",
    ),
    "label_smoothing": (
        lambda: xent.cross_entropy(Z, Y, label_smoothing=1.5),
        OptionError,
        "cross_entropy: label_smoothing must lie in [0, 1]; got 1.5",
        "0.0 turns it off",
    ),
    "binary label_smoothing": (
        lambda: xent.binary_cross_entropy([0.0], [1], label_smoothing=-0.1),
        OptionError,
        "binary_cross_entropy: label_smoothing must lie in [0, 1]; got -0.1",
        "0.0 turns it off",
    ),
    "reduction": (
        lambda: xent.cross_entropy(Z, Y, reduction="avg"),
        OptionError,
        "cross_entropy: reduction must be 'none', 'mean' or 'sum'; got 'avg'",
        "'mean' is the weighted mean",
    ),
    "probability": (
        lambda: xent.logit([0.5, 1.25]),
        OptionError,
        "logit: probs must lie in [0, 1]; got 1.25",
        "logits become probabilities by sigmoid or softmax",
    ),
    "binary target's dtype": (
        lambda: xent.binary_cross_entropy([0.0], ["yes"]),
        DtypeError,
        "binary_cross_entropy: target must be numbers or booleans; got dtype <U3",
        "a target is 0, 1 or a probability",
    ),
    "binary target's shape": (
        lambda: xent.binary_cross_entropy(np.zeros((3, 1)), Y),
        ShapeError,
        "binary_cross_entropy: target must have the shape of the logits, (3, 1); got shape (3,)",
        "class indices are for cross_entropy; (n,) against (n, 1) would broadcast to n × n",
    ),
    "binary target": (
        lambda: xent.binary_cross_entropy(Z, np.arange(12).reshape(3, 4)),
        TargetError,
        "binary_cross_entropy: target must lie in [0, 1] or be ignore_index=-100; got 2 at (0, 2)",
        "class indices above 1 are for cross_entropy",
    ),
    "binary target of one": (
        lambda: xent.binary_cross_entropy(0.0, 2),
        TargetError,
        "binary_cross_entropy: target must lie in [0, 1] or be ignore_index=-100; got 2",
        "class indices above 1 are for cross_entropy",
    ),
    "not a loss": (
        lambda: grad(0.25),
        OptionError,
        "value_and_grad: loss must be cross_entropy, binary_cross_entropy or a Loss; got 0.25",
        "pass the function itself, not its result",
    ),
    "smoothing twice": (
        lambda: grad(CrossEntropy(0.1))(Z, Y, label_smoothing=0.2),
        OptionError,
        "cross_entropy: label_smoothing must be set in the loss object; "
        "got 0.2 beside CrossEntropy(label_smoothing=0.1)",
        "build the loss with it: CrossEntropy(label_smoothing=...)",
    ),
    "no such loss": (
        lambda: get_loss("crossentropy"),
        OptionError,
        f"get_loss: loss must be one of {sorted(xent.losses.LOSSES)} or a Loss; got 'crossentropy'",
        "see xent.losses",
    ),
    "nll": (
        lambda: information.perplexity([0.5, -0.5]),
        OptionError,
        "perplexity: nll must be negative log-likelihoods in nats, which are ≥ 0; got -0.5",
        "negate log-probabilities first",
    ),
}


@pytest.mark.parametrize(("wrong", "kind", "message", "hint"), MESSAGES.values(), ids=MESSAGES)
def test_the_whole_message(wrong, kind, message, hint):
    with pytest.raises(xent.XentError) as caught:
        wrong()
    error = caught.value
    assert type(error) is kind
    assert str(error) == f"{message}\n\nhint: {hint}"
    assert isinstance(error, TypeError if kind is DtypeError else ValueError)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.function, copy.problem, copy.hint) == (
        kind,
        str(error),
        message.split(": ")[0],
        message.split(": ", 1)[1],
        hint,
    )


@pytest.mark.parametrize(
    ("wrong", "kind", "argument"),
    [
        (lambda: xent.softmax(Z, axis=None), ShapeError, "axis"),
        (lambda: xent.softmax(Z, axis=1.0), ShapeError, "axis"),
        (lambda: xent.softmax(Z, axis=-3), ShapeError, "axis"),
        (lambda: xent.softmax([None, 1.0]), DtypeError, "logits"),
        (lambda: xent.softmax("ab"), DtypeError, "logits"),
        (lambda: xent.cross_entropy(1.0, 0), ShapeError, "logits"),
        (lambda: xent.cross_entropy(Z, [[0, 1], [1]]), ShapeError, "target"),
        (lambda: xent.cross_entropy(Z, Z[:, :3]), ShapeError, "target"),
        (lambda: xent.cross_entropy(Z, np.zeros((3, 1), int)), ShapeError, "target"),  # a forgotten squeeze
        (lambda: xent.cross_entropy(Z, [True, False, True]), DtypeError, "target"),
        (lambda: xent.cross_entropy(Z, ["a", "b", "c"]), DtypeError, "target"),
        (lambda: xent.cross_entropy(Z, [0, 1, 255]), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, np.array([0, 1, 255], np.uint8)), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, np.array([0, 1, 2**64 - 100], np.uint64)), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, [0, 1, -100], ignore_index=-1), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, Z), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, np.full((3, 4), np.nan)), TargetError, "target"),
        (lambda: xent.cross_entropy(Z[:, :2], [[np.inf, -np.inf]] * 3), TargetError, "target"),
        (lambda: xent.cross_entropy(Z[:, :2], [[1e308, 1e308]] * 3), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, Z + 0.25 + 1e-4), TargetError, "target"),
        (lambda: xent.cross_entropy(Z, Y, weight=[1, 1, 1, np.nan]), OptionError, "weight"),
        (lambda: xent.cross_entropy(Z, Y, weight=[1, 1, 1, np.inf]), OptionError, "weight"),
        (lambda: xent.cross_entropy(Z, Y, weight=[1j, 1, 1, 1]), DtypeError, "weight"),
        (lambda: xent.cross_entropy(Z, Y, sample_weight=[1, 1]), ShapeError, "sample_weight"),
        (lambda: xent.cross_entropy(Z, Y, sample_weight=np.ones((3, 1))), ShapeError, "sample_weight"),
        (lambda: xent.cross_entropy(Z, Y, label_smoothing=np.nan), OptionError, "label_smoothing"),
        (lambda: xent.cross_entropy(Z, Y, label_smoothing="0.1"), OptionError, "label_smoothing"),
        (lambda: grad(xent.cross_entropy)(Z, Y, label_smoothing=2), OptionError, "label_smoothing"),
        (lambda: CrossEntropy(2.0), OptionError, "label_smoothing"),
        (lambda: grad(xent.binary_cross_entropy)(Z, Z, label_smoothing=2), OptionError, "label_smoothing"),
        (lambda: xent.cross_entropy(Z, Y, temperature=-1.0), OptionError, "temperature"),
        (lambda: xent.softmax(Z, temperature=np.nan), OptionError, "temperature"),
        (lambda: xent.log_sigmoid(Z, temperature=np.inf), OptionError, "temperature"),
        (lambda: xent.logit(0.5, temperature="1"), OptionError, "temperature"),
        (lambda: xent.odds(0.5, temperature=np.complex64(1)), OptionError, "temperature"),
        (lambda: xent.logsumexp(Z, temperature=[1.0]), OptionError, "temperature"),
        (lambda: xent.binary_cross_entropy(Z, Z, temperature=0.0), OptionError, "temperature"),
        (lambda: xent.binary_cross_entropy(Z, Z, reduction=None), OptionError, "reduction"),
        (lambda: xent.binary_cross_entropy([[0.0], [0.0, 1.0]], Z), ShapeError, "logits"),
        (lambda: xent.binary_cross_entropy(Z, [[0.0], [0.0, 1.0]]), ShapeError, "target"),
        (lambda: xent.binary_cross_entropy(Z, Z + np.nan), TargetError, "target"),
        (lambda: xent.binary_cross_entropy(Z, Z - 1), TargetError, "target"),
        (lambda: xent.binary_cross_entropy(Z, Z, pos_weight=-1.0), OptionError, "pos_weight"),
        (lambda: xent.binary_cross_entropy(Z, Z, pos_weight=[1.0, 2.0]), ShapeError, "pos_weight"),
        (lambda: xent.binary_cross_entropy(Z, Z, weight=[1.0, 2.0, 3.0]), ShapeError, "weight"),
        (lambda: xent.binary_cross_entropy(Z, Z, sample_weight=[1.0] * 4), ShapeError, "sample_weight"),
        (lambda: xent.odds([-0.5]), OptionError, "probs"),
        (lambda: information.entropy(0.5), ShapeError, "probs"),
        (lambda: information.entropy([2.0, -1.0]), TargetError, "probs"),
        (lambda: information.entropy(["a"]), DtypeError, "probs"),
        (lambda: information.brier_score([0.5, 0.5], [0.5, 0.6]), TargetError, "target"),
        (lambda: information.brier_score([[0.5, 0.5]], [0], sample_weight=[-1.0]), OptionError, "sample_weight"),
        (lambda: information.bits_per_token([1.0], weight=[1.0, 2.0]), ShapeError, "weight"),
        (lambda: grad(print), OptionError, "loss"),
        (lambda: grad(CrossEntropy), OptionError, "loss"),  # the class, not a loss
    ],
)
def test_the_class_and_the_argument(wrong, kind, argument):
    with pytest.raises(kind) as caught:
        wrong()
    assert isinstance(caught.value, xent.XentError)
    assert caught.value.problem.startswith(f"{argument} must ")
    assert caught.value.hint


@pytest.mark.parametrize(
    "unknown",
    [
        lambda: grad(xent.cross_entropy)(Z, Y, axes=0),
        lambda: grad(xent.cross_entropy)(Z, Y, pos_weight=1.0),
        lambda: grad(xent.binary_cross_entropy)(Z, Z, axis=0),
        lambda: xent.binary_cross_entropy(Z, Z, axis=0),
    ],
)
def test_an_option_that_a_function_does_not_have_is_not_swallowed(unknown):
    with pytest.raises(TypeError, match=r"unexpected keyword|multiple values"):
        unknown()
