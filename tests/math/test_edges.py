"""Every stated result at the edges: huge, infinite, NaN, empty, one class; and every dtype that is taken.

Warnings are errors in this suite, so each of these is also a proof of silence.
"""

import math

import numpy as np
import pytest

import xent
from xent import information

inf, nan = math.inf, math.nan
LOG2 = math.log(2.0)
BIG = 1.7e308


def equal(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=2**-52, atol=0)  # NaN equals NaN, inf equals inf


@pytest.mark.parametrize(
    ("z", "probs", "log_probs", "lse"),
    [
        ([1e4, -1e4], [1, 0], [0, -2e4], 1e4),
        ([-1e4, -1e4], [0.5, 0.5], [-LOG2, -LOG2], -1e4 + LOG2),
        ([1e4, 1e4], [0.5, 0.5], [-LOG2, -LOG2], 1e4 + LOG2),
        ([BIG, BIG], [0.5, 0.5], [-LOG2, -LOG2], BIG),
        ([BIG, -BIG], [1, 0], [0, -inf], BIG),  # their difference has no float64
        ([-inf, 0, 0], [0, 0.5, 0.5], [-inf, -LOG2, -LOG2], LOG2),
        ([-inf, 3], [0, 1], [-inf, 0], 3),
        ([3], [1], [0], 3),
        ([-inf], [nan], [nan], -inf),
        ([-inf, -inf], [nan, nan], [nan, nan], -inf),
        ([inf], [nan], [nan], inf),
        ([inf, 0], [nan, nan], [nan, nan], inf),
        ([inf, inf], [nan, nan], [nan, nan], inf),
        ([inf, -inf], [nan, nan], [nan, nan], inf),
        ([nan, 0], [nan, nan], [nan, nan], nan),
        ([0, nan, inf], [nan, nan, nan], [nan, nan, nan], nan),
        ([nan, -inf], [nan, nan], [nan, nan], nan),
    ],
)
def test_rows(z, probs, log_probs, lse):
    beside = np.zeros(len(z))
    rows = np.array([beside, z, beside])
    one = np.full(len(z), 1 / len(z))
    equal(xent.softmax(z), probs)
    equal(xent.log_softmax(z), log_probs)
    equal(xent.logsumexp(z), lse)
    # and the rows beside it do not notice
    equal(xent.softmax(rows), [one, probs, one])
    equal(xent.log_softmax(rows), [np.log(one), log_probs, np.log(one)])
    equal(xent.logsumexp(rows), [math.log(len(z)), lse, math.log(len(z))])


@pytest.mark.parametrize(
    ("z", "p", "log_p"),
    [
        (inf, 1, 0),
        (-inf, 0, -inf),
        (nan, nan, nan),
        (1e4, 1, 0),
        (-1e4, 0, -1e4),
        (BIG, 1, 0),
        (-BIG, 0, -BIG),
        (0, 0.5, -LOG2),
        (-800, 0, -800),
    ],
)
def test_sigmoids(z, p, log_p):
    equal(xent.sigmoid(z), p)
    equal(xent.sigmoid([z, 0.0]), [p, 0.5])
    equal(xent.log_sigmoid(z), log_p)
    equal(xent.log_sigmoid([z, 0.0]), [log_p, -LOG2])


def test_a_temperature_that_overflows_takes_the_limit_where_there_is_one():
    equal(xent.sigmoid([1e308, -1e308], temperature=0.1), [1, 0])
    equal(xent.log_sigmoid([1e308, -1e308], temperature=0.1), [0, -inf])
    equal(xent.softmax([1e308, -1e308], temperature=0.1), [nan, nan])  # z/T is +inf: see the row above
    equal(xent.softmax([-1e308, 0.0], temperature=0.1), [0, 1])


@pytest.mark.parametrize(
    ("p", "logit", "odds"),
    [
        (0, -inf, 0),
        (1, inf, inf),
        (nan, nan, nan),
        (0.5, 0, 1),
        (0.75, math.log(3), 3),
        (5e-324, math.log(5e-324), 5e-324),
    ],
)
def test_logit_and_odds(p, logit, odds):
    equal(xent.logit(p), logit)
    equal(xent.logit([p, 0.5], temperature=2.0), [2 * logit, 0.0])
    equal(xent.odds(p), odds)
    equal(xent.odds([p, 0.5]), [odds, 1.0])


def test_odds_that_overflow_are_infinite():
    equal(xent.odds([1 - 2**-53, 2**-53], temperature=50.0), [inf, 0.0])


@pytest.mark.parametrize(
    ("z", "target", "value", "grad"),
    [
        ([1e4, -1e4], 0, 0, [0, 0]),
        ([1e4, -1e4], 1, 2e4, [1, -1]),
        ([BIG, -BIG], 1, inf, [1, -1]),
        ([-inf, 0], 0, inf, [-1, 1]),
        ([-inf, 0], 1, 0, [0, 0]),
        ([-inf, 0, 0], [0, 0.5, 0.5], LOG2, [0, 0, 0]),
        ([-inf, 0, 0], [0.5, 0.5, 0], inf, [-0.5, 0, 0.5]),
        ([3], 0, 0, [0]),
        ([3], [1.0], 0, [0]),
        ([-inf], 0, nan, [nan]),
        ([-inf, -inf], 1, nan, [nan, nan]),
        ([-inf, -inf], [0.5, 0.5], nan, [nan, nan]),
        ([inf, 0], 0, nan, [nan, nan]),
        ([inf, 0], 1, nan, [nan, nan]),
        ([inf, 0], [0.0, 1.0], nan, [nan, nan]),
        ([nan, 0], 1, nan, [nan, nan]),
        ([nan, 0], [0.0, 1.0], nan, [nan, nan]),
    ],
)
def test_cross_entropy(z, target, value, grad):
    got, dlogits = xent.value_and_grad(xent.cross_entropy)(z, target)
    equal(got, value)
    equal(dlogits, grad)
    first = 0 if np.ndim(target) == 0 else np.eye(len(z))[0]
    row = [[0.0] * len(z), z]
    got, dlogits = xent.value_and_grad(xent.cross_entropy)(row, [first, target], reduction="none")
    equal(got, [math.log(len(z)), value])
    equal(dlogits[1], grad)
    equal(xent.cross_entropy(row, [first, target], reduction="sum"), math.log(len(z)) + value)


def test_smoothing_asks_for_every_class():
    equal(xent.cross_entropy([-inf, 0.0], 1, label_smoothing=0.1), inf)
    equal(xent.cross_entropy([-inf, 0.0], 0, label_smoothing=1.0), inf)
    equal(xent.cross_entropy([-inf, 0.0], 1, label_smoothing=0.1, weight=[0, 1]), 0)
    equal(xent.cross_entropy([-inf, 0.0, 0.0], 0, label_smoothing=1.0, weight=[0, 1, 1], reduction="sum"), 2 / 3 * LOG2)


@pytest.mark.parametrize(
    ("z", "target", "value", "grad"),
    [
        (1e4, 1, 0, 0),
        (1e4, 0, 1e4, 1),
        (-1e4, 1, 1e4, -1),
        (-1e4, 0, 0, 0),
        (inf, 1, 0, 0),
        (inf, 0, inf, 1),
        (inf, 0.5, inf, 0.5),
        (-inf, 0, 0, 0),
        (-inf, 1, inf, -1),
        (-inf, 0.25, inf, -0.25),
        (BIG, 0, BIG, 1),
        (nan, 0, nan, nan),
        (nan, 1, nan, nan),
        (0, True, LOG2, -0.5),
    ],
)
def test_binary_cross_entropy(z, target, value, grad):
    got, dlogits = xent.value_and_grad(xent.binary_cross_entropy)(z, target)
    equal(got, value)
    equal(dlogits, grad)
    got, dlogits = xent.value_and_grad(xent.binary_cross_entropy)([0.0, z], [1.0, target], reduction="none")
    equal(got, [LOG2, value])
    equal(dlogits, [-0.5, grad])


def test_smoothing_makes_certainty_cost():
    equal(xent.binary_cross_entropy([inf, -inf], [1, 0], label_smoothing=0.1, reduction="none"), [inf, inf])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3), (0, 1)])
def test_no_rows(shape):
    z, y = np.zeros(shape, np.float32), np.zeros(shape[:-1], np.int64)
    for function in (xent.softmax, xent.log_softmax, xent.sigmoid, xent.log_sigmoid, xent.logit, xent.odds):
        np.testing.assert_array_equal(function(z), z, strict=True)
    np.testing.assert_array_equal(xent.logsumexp(z), np.zeros(shape[:-1]), strict=True)
    np.testing.assert_array_equal(xent.cross_entropy(z, y, reduction="none"), np.zeros(shape[:-1]), strict=True)
    np.testing.assert_array_equal(information.entropy(z), np.zeros(shape[:-1]), strict=True)
    assert math.isnan(xent.cross_entropy(z, y))
    assert math.isnan(xent.cross_entropy(z, z))
    assert xent.cross_entropy(z, y, reduction="sum") == 0.0
    assert math.isnan(xent.binary_cross_entropy(z, z))
    assert math.isnan(information.brier_score(z, y))


def test_no_rows_as_a_list():
    assert math.isnan(xent.cross_entropy(np.zeros((0, 3)), []))
    assert math.isnan(information.perplexity([]))


# ---- dtypes

NUMBERS = [[0, 1, 1], [1, 0, 1]]
ELEMENTWISE = [xent.softmax, xent.log_softmax, xent.sigmoid, xent.log_sigmoid, xent.logit, xent.odds]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.longdouble, list])
def test_integers_and_lists_are_float64(dtype):
    z = NUMBERS if dtype is list else np.array(NUMBERS, dtype)
    wide = np.array(NUMBERS, np.float64)
    for function in ELEMENTWISE:
        np.testing.assert_array_equal(function(z), function(wide), strict=True)
    value, grad = xent.value_and_grad(xent.cross_entropy)(z, [0, 2])
    expected, expected_grad = xent.value_and_grad(xent.cross_entropy)(wide, [0, 2])
    assert value == expected
    np.testing.assert_array_equal(grad, expected_grad, strict=True)
    assert xent.binary_cross_entropy(z, NUMBERS) == xent.binary_cross_entropy(wide, NUMBERS)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, ">f4", ">f8"])
def test_floats_keep_their_dtype(kernels, dtype):
    z = np.array(NUMBERS, dtype)
    for function in ELEMENTWISE:
        result = function(z)
        assert result.dtype == z.dtype
        np.testing.assert_array_max_ulp(
            result.astype(z.dtype.newbyteorder("=")),
            function(NUMBERS).astype(dtype).astype(z.dtype.newbyteorder("=")),
            maxulp=1,
        )
    assert xent.logsumexp(z).dtype == np.float64
    computed_in = np.float64 if kernels == "numpy" else np.promote_types(dtype, np.float32)
    rel = 4 * float(np.finfo(computed_in).eps)
    assert xent.cross_entropy(z, [0, 2]) == pytest.approx(xent.cross_entropy(NUMBERS, [0, 2]), rel=rel, abs=0)


def test_float16_beyond_its_range_is_infinite():
    z = np.array([65504.0, -65504.0], np.float16)
    np.testing.assert_array_equal(xent.log_softmax(z), np.array([0, -inf], np.float16), strict=True)
    np.testing.assert_array_equal(xent.log_sigmoid(z, temperature=0.5), np.array([0, -inf], np.float16), strict=True)
    np.testing.assert_array_equal(
        xent.odds(np.array([0.999], np.float16), temperature=5.0), np.array([inf], np.float16)
    )
    assert xent.cross_entropy(z, 1) == 131008.0


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64])
def test_any_integer_can_be_a_class_index(dtype):
    z = np.random.default_rng(0).normal(size=(3, 130))
    y = np.array([0, 126, 3], dtype)
    expected = -np.log(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))[range(3), [0, 126, 3]]
    np.testing.assert_allclose(xent.cross_entropy(z, y, reduction="none"), expected, rtol=1e-14)
    last = int(np.iinfo(dtype).max)
    ignoring = np.array([0, last, 3], dtype)
    value = xent.cross_entropy(z, ignoring, ignore_index=last, reduction="none")
    np.testing.assert_allclose(value, expected * [1, 0, 1], rtol=1e-14)


def test_the_ignored_index_may_be_a_class():
    z = [[5.0, 0.0], [0.0, 5.0], [0.0, 0.0]]
    equal(xent.cross_entropy(z, [0, 1, 1], ignore_index=0, reduction="none"), [0.0, math.log1p(math.exp(-5)), LOG2])
    equal(xent.cross_entropy(z, [0, 0, 1], ignore_index=0), LOG2)
    equal(xent.binary_cross_entropy([3.0, 0.0], [0, 1], ignore_index=0), LOG2)


def test_probabilities_in_half_precision_are_distributions():
    probs = xent.softmax(np.random.default_rng(1).normal(0, 3, (50, 1000)).astype(np.float16))
    assert np.abs(probs.astype(np.float64).sum(axis=1) - 1).max() > 1e-5  # the reason for the wider tolerance
    wide = probs.astype(np.float64)
    wide /= wide.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(information.entropy(probs), information.entropy(wide), rtol=1e-14)
    assert xent.cross_entropy(np.zeros((50, 1000)), probs) == pytest.approx(math.log(1000), rel=1e-14)


def test_arguments_are_not_written_to():
    z, q = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[0.5, 0.5], [1.0, 0.0]])
    w = np.array([1.0, 2.0])
    for array in (z, q, w):
        array.flags.writeable = False
    value, _ = xent.value_and_grad(xent.cross_entropy)(z, q, weight=w, sample_weight=w, label_smoothing=0.1)
    again, _ = xent.value_and_grad(xent.cross_entropy)(z, q, weight=w, sample_weight=w, label_smoothing=0.1)
    assert value == again
    assert information.kl_divergence(q, q).tolist() == [0.0, 0.0]
    assert z.tolist() == [[1.0, 2.0], [3.0, -1.0]]


def test_information_of_rows_with_zeros():
    equal(information.entropy([[1, 0], [0, 1]]), [0.0, 0.0])
    equal(information.kl_divergence([[0, 1], [1, 0]], [[0, 1], [0, 1]]), [0.0, inf])
    equal(information.cross_entropy_between([[0, 1], [1, 0]], [[0, 1], [0, 1]]), [0.0, inf])
    equal(information.js_divergence([[0, 1], [1, 0]], [[0, 1], [0, 1]]), [0.0, LOG2])
    assert not np.signbit(information.entropy([1.0, 0.0]))
