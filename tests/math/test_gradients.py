"""Gradients against central differences in 50 digits, and what has no part in a gradient.

An entry of the gradient is a difference of terms no larger than its row's weight / T, so that is what its error is
measured against: 8 eps of it.
"""

import math

import numpy as np
import pytest

import xent
from xent.losses import describe

LOGITS = np.array([[0.5, -1.25, 3.0, 0.0], [10.0, -10.0, 2.0, 9.5], [-0.3, 0.1, 0.7, -2.0]])
INDEX = np.array([2, 1, 0])
PROBS = np.array([[0.1, 0.0, 0.6, 0.3], [0.0, 0.0, 0.0, 1.0], [0.25, 0.25, 0.25, 0.25]])
cross_entropy_grad = xent.value_and_grad(xent.cross_entropy)
binary_grad = xent.value_and_grad(xent.binary_cross_entropy)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sample_weight", [None, [1.0, 0.25, 0.0]], ids=["", "sample_weight"])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 0.0, 1.25]], ids=["", "weight"])
@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
def test_cross_entropy(exact, target, weight, sample_weight, smoothing, temperature, reduction):
    options = {
        "weight": weight,
        "sample_weight": sample_weight,
        "label_smoothing": smoothing,
        "temperature": temperature,
    }
    _, grad = cross_entropy_grad(LOGITS, target, reduction=reduction, **options)
    of_sum = "sum" if reduction == "none" else reduction  # rows do not depend on each other
    expected = exact.gradient(lambda z: exact.cross_entropy(z, target, reduction=of_sum, **options), LOGITS)
    assert exact.absolute_error(grad, expected) <= 8 * 2.0 / temperature


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sample_weight", [None, [1.0, 0.25, 0.0]], ids=["", "sample_weight"])
@pytest.mark.parametrize("pos_weight", [None, [0.0, 3.0, 1.0, 0.5]], ids=["", "pos_weight"])
@pytest.mark.parametrize("weight", [None, [0.5, 2.0, 0.0, 1.25]], ids=["", "weight"])
def test_binary_cross_entropy(exact, weight, pos_weight, sample_weight, smoothing, temperature, reduction):
    target = np.array([[0.0, 1.0, 1.0, 0.5], [0.9, 0.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.1]])
    options = {
        "weight": weight,
        "pos_weight": pos_weight,
        "sample_weight": sample_weight,
        "label_smoothing": smoothing,
        "temperature": temperature,
    }
    _, grad = binary_grad(LOGITS, target, reduction=reduction, **options)
    of_sum = "sum" if reduction == "none" else reduction
    expected = exact.gradient(lambda z: exact.binary_cross_entropy(z, target, reduction=of_sum, **options), LOGITS)
    assert exact.absolute_error(grad, expected) <= 8 * 6.0 / temperature


@pytest.mark.parametrize("margin", [0.0, 5.0, 40.0, 700.0])
@pytest.mark.parametrize("weight", [1.0, 3.7])
def test_a_confident_row_keeps_its_gradient(exact500, margin, weight):
    """softmax - onehot at the target is 0 once the probability rounds to 1; the truth is not."""
    z = np.array([[margin, 0.0, -1.5], [1.0, margin, 1.0]])
    options = {"weight": [weight, weight / 3, 1.0], "reduction": "sum"}
    _, grad = cross_entropy_grad(z, [0, 1], **options)
    expected = exact500.gradient(lambda x: exact500.cross_entropy(x, [0, 1], **options), z)
    assert exact500.relative_error(grad, expected) <= 6

    z = np.array([[margin, -margin]])
    options = {"pos_weight": [weight, 1.0], "reduction": "sum"}
    _, grad = binary_grad(z, [[1.0, 0.0]], **options)
    expected = exact500.gradient(lambda x: exact500.binary_cross_entropy(x, [[1.0, 0.0]], **options), z)
    assert exact500.relative_error(grad, expected) <= 6


@pytest.mark.parametrize("n_classes", [2, 17, 64, 65, 1000])
def test_every_width_of_a_row(n_classes):
    """softmax - onehot at widths where a compiled kernel may change its path."""
    z = np.random.default_rng(n_classes).normal(0, 3, (19, n_classes))
    y = np.arange(19) % n_classes
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    value, grad = cross_entropy_grad(z, y, reduction="sum")
    np.testing.assert_allclose(grad, p - np.eye(n_classes)[y], rtol=1e-13, atol=1e-15)
    assert value == pytest.approx(-np.log(p[np.arange(19), y]).sum(), rel=1e-14)


POISON = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("how", ["ignore_index", "sample_weight", "weight", "weight of probs"])
def test_what_takes_no_part_has_no_value_and_no_gradient(how, reduction, poison):
    """Exactly: even where its logits are NaN or infinite, and the other rows are as if it were not there."""
    z = np.array([[poison, 1.0, poison], [0.5, -1.0, 0.25]])
    target = {"ignore_index": [-100, 2], "weight of probs": [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]}.get(how, [0, 2])
    option = {"sample_weight": {"sample_weight": [0, 1]}, "ignore_index": {}}.get(how, {"weight": [0, 1, 1]})
    value, grad = cross_entropy_grad(z, target, reduction=reduction, **option)
    alone, grad_alone = cross_entropy_grad(z[1:], target[1:], reduction=reduction)
    np.testing.assert_array_equal(grad, [[0, 0, 0], *grad_alone])
    np.testing.assert_array_equal(value, [0, *alone] if reduction == "none" else alone)


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("how", ["ignore_index", "sample_weight", "weight"])
def test_what_takes_no_part_in_a_binary_loss(how, poison):
    z = np.array([[poison, 0.5]]).T if how == "sample_weight" else np.array([poison, 0.5])
    target = np.array([-100 if how == "ignore_index" else 1, 0]).reshape(z.shape)
    option = {} if how == "ignore_index" else {how: [0, 2]}
    value, grad = binary_grad(z, target, **option)
    assert value == pytest.approx(math.log1p(math.exp(0.5)), rel=1e-15)
    np.testing.assert_allclose(grad.ravel(), [0.0, 1 / (1 + math.exp(-0.5))], rtol=1e-15, atol=0)


@pytest.mark.parametrize("nothing", ["ignored", "no weight", "no rows"])
def test_a_mean_over_nothing_is_nan_and_moves_nothing(nothing):
    z, y, weight = np.array([[math.nan, 1.0], [0.0, 2.0]]), np.array([0, 1]), None
    if nothing == "ignored":
        y = np.array([-100, -100])
    elif nothing == "no weight":
        weight = [0.0, 0.0]
    else:
        z, y = z[:0], y[:0]
    value, grad = cross_entropy_grad(z, y, sample_weight=weight)
    assert math.isnan(value)
    np.testing.assert_array_equal(grad, np.zeros_like(z))
    value, grad = binary_grad(z[:, 0], y, sample_weight=weight)
    assert math.isnan(value)
    np.testing.assert_array_equal(grad, np.zeros(len(z)))
    assert cross_entropy_grad(z, y, sample_weight=weight, reduction="sum")[0] == 0.0


def test_a_class_that_cannot_be_and_is_not_asked_for():
    """-inf where the target has probability 0: value and gradient of the remaining classes."""
    z = np.array([[-math.inf, 0.5, 2.0], [1.0, -math.inf, -math.inf]])
    q = np.array([[0.0, 0.25, 0.75], [1.0, 0.0, 0.0]])
    value, grad = cross_entropy_grad(z, q, reduction="none")
    p = 1 / (1 + math.exp(1.5))
    np.testing.assert_allclose(value, [-0.25 * math.log(p) - 0.75 * math.log1p(-p), 0.0], rtol=4e-16, atol=0)
    np.testing.assert_allclose(grad, [[0.0, p - 0.25, 0.25 - p], [0.0, 0.0, 0.0]], rtol=1e-15, atol=0)


def test_an_impossible_target_costs_everything_and_still_has_a_direction():
    value, grad = cross_entropy_grad([[-math.inf, 0.0, 0.0]], [0])
    assert value == math.inf
    np.testing.assert_array_equal(grad, [[-1.0, 0.5, 0.5]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_gradient_has_the_dtype_of_the_logits(dtype):
    _, grad = cross_entropy_grad(np.zeros((1, 2), dtype), [0], sample_weight=[1e6], reduction="sum")
    expected = np.array([[-5e5, 5e5]]) if dtype != np.float16 else np.array([[-math.inf, math.inf]])  # beyond 65504
    np.testing.assert_array_equal(grad, expected.astype(dtype), strict=True)
    _, grad = binary_grad(np.zeros(1, dtype), [1], sample_weight=[1e6], reduction="sum")
    np.testing.assert_array_equal(grad, expected[0, :1].astype(dtype), strict=True)


EVERY_FORM = [
    xent.CrossEntropy(),
    xent.CrossEntropy(label_smoothing=0.1),
    xent.CrossEntropy(label_smoothing=0.9, smoothing="others"),
    xent.CrossEntropy(z_loss=0.1),
    xent.Focal(2.0),
    xent.Focal(0.5, label_smoothing=0.1),
    xent.GeneralizedCrossEntropy(z_loss=0.1),
]


WITHOUT_PART = [
    *[(loss, {"sample_weight": [0, 1]}, target) for loss in EVERY_FORM for target in ("index", "probs")],
    *[(loss, {}, "ignored") for loss in EVERY_FORM],
    # smoothing asks for every class, so that one without a weight is no row without one
    *[(loss, {"weight": [0, 1, 1]}, t) for loss in EVERY_FORM for t in ("index", "probs") if not loss.label_smoothing],
    *[(xent.Focal(2.0, alpha=(0, 1, 1)), {}, target) for target in ("index", "probs")],
]


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize(("loss", "option", "target"), WITHOUT_PART)
def test_what_takes_no_part_in_any_loss(loss, option, target, poison):
    z = np.array([[poison, 1.0, poison], [0.5, -1.0, 0.25]])
    target = {"index": np.array([0, 2]), "probs": np.eye(3)[[0, 2]], "ignored": np.array([-100, 2])}[target]
    value, grad = xent.value_and_grad(loss)(z, target, reduction="none", **option)
    alone, grad_alone = xent.value_and_grad(loss)(z[1:], target[1:], reduction="none")
    np.testing.assert_array_equal(grad[0], 0.0)
    np.testing.assert_array_equal(value, [0.0, *alone])
    np.testing.assert_array_equal(grad[1:], grad_alone)


def test_where_no_class_has_a_weight_no_row_takes_part():
    z = [[math.nan, 1.0], [0.5, -1.0]]
    for loss in EVERY_FORM:
        for target in ([0, 1], [[0.5, 0.5], [1.0, 0.0]]):
            value, grad = xent.value_and_grad(loss)(z, target, weight=[0.0, 0.0], reduction="sum")
            assert value == 0.0
            np.testing.assert_array_equal(grad, np.zeros((2, 2)))


@pytest.mark.parametrize("loss", [xent.Focal(2.0), xent.Poly1(), xent.GeneralizedCrossEntropy()], ids=describe)
def test_a_class_that_cannot_be_has_no_part_in_an_expected_loss(loss):
    """-inf at probability 0: the row is one of the other classes, for losses that are no nll too."""
    z, q = np.array([[-math.inf, 0.5, 2.0]]), np.array([[0.0, 0.25, 0.75]])
    value, grad = xent.value_and_grad(loss)(z, q)
    expected, grad_expected = xent.value_and_grad(loss)(z[:, 1:], q[:, 1:])
    assert value == pytest.approx(expected, rel=1e-15)
    np.testing.assert_allclose(grad, np.concatenate([[[0.0]], grad_expected], axis=1), rtol=1e-14)
    value, grad = xent.value_and_grad(loss)(z, [[0.5, 0.0, 0.5]])
    bounded = isinstance(loss, xent.GeneralizedCrossEntropy)
    assert math.isfinite(value) == bounded
    assert np.isfinite(grad).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("loss", [xent.Focal(2.0), xent.Focal(0.5, label_smoothing=0.1)], ids=describe)
def test_the_expected_loss_of_narrow_logits_is_not_rounded(loss, dtype):
    """It is summed over all classes in float64, whatever the logits are stored in."""
    narrow = LOGITS.astype(dtype)
    value, grad = xent.value_and_grad(loss)(narrow, PROBS, reduction="none")
    expected, grad_expected = xent.value_and_grad(loss)(narrow.astype(np.float64), PROBS, reduction="none")
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    np.testing.assert_allclose(grad, grad_expected.astype(dtype), rtol=2 * np.finfo(dtype).eps, atol=2.0**-23)
    assert grad.dtype == dtype
