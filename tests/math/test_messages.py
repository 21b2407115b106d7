"""What a wrong argument is answered with: the class, and for each kind of mistake the whole text."""

import pickle

import numpy as np
import pytest

import xent
from xent import information
from xent.errors import DtypeError, OptionError, ShapeError, TargetError
from xent.losses import Asymmetric, CrossEntropy, Focal, Poly1, SymmetricCrossEntropy, get_loss

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
    "smoothing": (
        lambda: xent.binary_cross_entropy(Z, Z, smoothing="even"),
        OptionError,
        "binary_cross_entropy: smoothing must be 'uniform' or 'others'; got 'even'",
        "'uniform' spreads label_smoothing over all classes, 'others' over all but the target's",
    ),
    "others of one class": (
        lambda: xent.cross_entropy(Z[:, :1], [0, 0, 0], label_smoothing=0.1, smoothing="others"),
        OptionError,
        "cross_entropy: smoothing='others' must have other classes; got 1 class",
        "use smoothing='uniform'",
    ),
    "z_loss": (
        lambda: xent.cross_entropy(Z, Y, z_loss=-1e-4),
        OptionError,
        "cross_entropy: z_loss must be a finite number ≥ 0; got -0.0001",
        "0.0 turns it off",
    ),
    "z_loss of sigmoids": (
        lambda: CrossEntropy(z_loss=1e-4).binary(Z, Z),
        OptionError,
        "cross_entropy: z_loss must be 0 for sigmoids; got 0.0001",
        "a sigmoid has no log Σ exp to hold near 0; penalise the logits themselves",
    ),
    "prior of sigmoids": (
        lambda: CrossEntropy().binary(Z, Z, prior=[1, 1, 1, 1]),
        OptionError,
        "cross_entropy: prior must be left out for sigmoids; got [1, 1, 1, 1]",
        "add the log-odds of each label's prior to its logits, or weight its positives with pos_weight",
    ),
    "asymmetric softmax": (
        lambda: Asymmetric()(Z, Y),
        OptionError,
        "asymmetric: logits must be sigmoid logits; got a softmax loss",
        "call Asymmetric(...).binary; for exclusive classes use Focal",
    ),
    "one alpha for a softmax": (
        lambda: Focal(alpha=0.25)(Z, Y),
        OptionError,
        "focal: alpha must be one number a class for a softmax; got 0.25",
        "pass a tuple; the single number of RetinaNet is for sigmoids: Focal(...).binary",
    ),
    "many alphas for a sigmoid": (
        lambda: Focal(alpha=(0.25, 0.75)).binary(Z, Z),
        OptionError,
        "focal: alpha must be one number for sigmoids; got (0.25, 0.75)",
        "it is the factor of positives, negatives get 1 - alpha; one weight a label goes into weight=",
    ),
    "alpha's shape": (
        lambda: Focal(alpha=(0.25, 0.75))(Z, Y),
        ShapeError,
        "focal: alpha must have shape (4,) or broadcast to it; got shape (2,)",
        "weight is one number a class, sample_weight one a row",
    ),
    "softcap": (
        lambda: xent.cross_entropy(Z, Y, softcap=0),
        OptionError,
        "cross_entropy: softcap must be a finite number above 0; got 0",
        "None sets no cap",
    ),
    "prior": (
        lambda: xent.cross_entropy(Z, Y, prior=[3, 0, 1, 1]),
        OptionError,
        "cross_entropy: prior must be above 0 for every class; got 0 for class 1",
        "for a class without rows count a row or a half",
    ),
    "prior_strength": (
        lambda: xent.cross_entropy(Z, Y, prior_strength="1"),
        OptionError,
        "cross_entropy: prior_strength must be a finite number; got '1'",
        "1.0 is the prior itself, 0.0 turns it off",
    ),
    "mining": (
        lambda: xent.cross_entropy(Z, Y, mining=0.25),
        OptionError,
        "cross_entropy: mining must be a Hardest or a HardNegatives; got 0.25",
        "such as xent.Hardest(0.25), or None to keep all rows",
    ),
    "mean": (
        lambda: xent.cross_entropy(Z, Y, mean="mean"),
        OptionError,
        "cross_entropy: mean must be 'weighted' or 'torch'; got 'mean'",
        "'weighted' divides by the sum of the weights",
    ),
    "empty": (
        lambda: xent.binary_cross_entropy(Z, Z, empty=0),
        OptionError,
        "binary_cross_entropy: empty must be 'nan' or 'zero'; got 0",
        "it is the mean over nothing",
    ),
    "normalizer": (
        lambda: xent.cross_entropy(Z, Y, normalizer=0),
        OptionError,
        "cross_entropy: normalizer must be a finite number above 0; got 0",
        "such as the number of tokens in all parts of the batch",
    ),
    "normalizer of a sum": (
        lambda: xent.cross_entropy(Z, Y, normalizer=2, reduction="sum"),
        OptionError,
        "cross_entropy: normalizer must go with reduction='mean'; got reduction='sum'",
        "it is the mean's denominator; divide the sum yourself",
    ),
    "mask": (
        lambda: xent.binary_cross_entropy(Z, Z, mask=[1, 0, 1, 1]),
        DtypeError,
        "binary_cross_entropy: mask must be booleans; got dtype int64",
        "True takes part; compare with != 0 first",
    ),
    "mask's shape": (
        lambda: xent.binary_cross_entropy(Z, Z, mask=[True, False]),
        ShapeError,
        "binary_cross_entropy: mask must have shape (3, 4) or broadcast to it; got shape (2,)",
        "it says of each entry whether it takes part",
    ),
    "gamma": (
        lambda: Focal(-1.0),
        OptionError,
        "focal: gamma must be a finite number ≥ 0; got -1.0",
        "0.0 turns it off",
    ),
    "fraction": (
        lambda: xent.Hardest(1.5),
        OptionError,
        "Hardest: fraction must lie in [0, 1]; got 1.5",
        "0.0 turns it off",
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
        "value_and_grad: loss must be cross_entropy, binary_cross_entropy, a Loss or its binary; got 0.25",
        "pass the function itself, not its result",
    ),
    "smoothing twice": (
        lambda: grad(Focal(label_smoothing=0.1))(Z, Y, label_smoothing=0.2),
        OptionError,
        "focal: label_smoothing must be set in the loss object; got 0.2 in its call",
        "build the loss with it, such as xent.Focal(label_smoothing=...)",
    ),
    "no such loss": (
        lambda: get_loss("crossentropy"),
        OptionError,
        f"get_loss: loss must be one of {sorted(xent.losses.LOSSES)}, with its own parameters; got 'crossentropy'",
        "such as 'focal(gamma=1.5)'; see xent.losses",
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
        (lambda: CrossEntropy(label_smoothing=2.0), OptionError, "label_smoothing"),
        (lambda: CrossEntropy(z_loss=np.inf), OptionError, "z_loss"),
        (lambda: Focal(np.nan), OptionError, "gamma"),
        (lambda: Focal("2"), OptionError, "gamma"),
        (lambda: Focal(alpha=1.5), OptionError, "alpha"),
        (lambda: Focal(alpha=(1.0, -1.0)), OptionError, "alpha"),
        (lambda: Poly1(-1.5), OptionError, "epsilon"),
        (lambda: get_loss("generalized_cross_entropy(q=0.0)"), OptionError, "q"),
        (lambda: get_loss("generalized_cross_entropy(q=1.5)"), OptionError, "q"),
        (lambda: SymmetricCrossEntropy(log_zero=0.0), OptionError, "-log_zero"),
        (lambda: SymmetricCrossEntropy(beta=-1.0), OptionError, "beta"),
        (lambda: Asymmetric(margin=1.0), OptionError, "margin"),
        (lambda: Asymmetric(gamma_neg=-1.0), OptionError, "gamma_neg"),
        (lambda: xent.Hardest(0.0), OptionError, "fraction"),
        (lambda: xent.HardNegatives(-1.0), OptionError, "ratio"),
        (lambda: xent.HardNegatives(1.0, background=-1), OptionError, "background"),
        (lambda: xent.HardNegatives(1.0, at_least=1.5), OptionError, "at_least"),
        (lambda: Focal()(Z, Y, label_smoothing=0.1), OptionError, "label_smoothing"),
        (lambda: Focal().binary(Z, Z, smoothing="others"), OptionError, "smoothing"),
        (lambda: Focal()(Z, Y, z_loss=0.1), OptionError, "z_loss"),
        (lambda: Focal().binary(Z, Z, axis=1), OptionError, "axis"),
        (lambda: Focal().binary(Z, Z, return_stats=True), OptionError, "return_stats"),
        (lambda: grad(Focal().binary)(Z, Z, prior_strength=1.0), OptionError, "prior_strength"),
        (lambda: xent.cross_entropy(Z, Y, softcap=np.inf), OptionError, "softcap"),
        (lambda: xent.cross_entropy(Z, Y, softcap="1"), OptionError, "softcap"),
        (lambda: xent.binary_cross_entropy(Z, Z, softcap=-1.0), OptionError, "softcap"),
        (lambda: xent.cross_entropy(Z, Y, prior=[1, 2, 3]), ShapeError, "prior"),
        (lambda: xent.cross_entropy(Z, Y, prior=[1, 2, 3, -4]), OptionError, "prior"),
        (lambda: xent.cross_entropy(Z, Y, prior=[1, 2, 3, np.nan]), OptionError, "prior"),
        (lambda: xent.cross_entropy(Z, Y, prior_strength=np.nan), OptionError, "prior_strength"),
        (lambda: xent.cross_entropy(Z, Y, mining=xent.Hardest), OptionError, "mining"),
        (lambda: xent.binary_cross_entropy(Z, Z, mining="hardest"), OptionError, "mining"),
        (lambda: xent.cross_entropy(Z, Y, normalizer=np.nan), OptionError, "normalizer"),
        (lambda: xent.cross_entropy(Z, Y, normalizer=[1.0, 2.0]), OptionError, "normalizer"),
        (lambda: xent.cross_entropy(Z, Y, normalizer=np.ones(2)), OptionError, "normalizer"),
        (lambda: xent.binary_cross_entropy(Z, Z, normalizer=-1.0), OptionError, "normalizer"),
        (lambda: xent.cross_entropy(Z, Y, empty=None), OptionError, "empty"),
        (lambda: xent.cross_entropy(Z, Y, mean=None), OptionError, "mean"),
        (lambda: xent.cross_entropy(Z, Y, smoothing=None), OptionError, "smoothing"),
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
        (lambda: grad(CrossEntropy().curve), OptionError, "loss"),
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
        lambda: Focal()(Z, Y, pos_weight=1.0),
        lambda: Focal().binary(Z, Z, gamma=1.0),
        lambda: grad(Focal())(Z, Y, mask=Z > 0),
    ],
)
def test_an_option_that_a_function_does_not_have_is_not_swallowed(unknown):
    with pytest.raises(TypeError, match=r"unexpected keyword|multiple values"):
        unknown()
