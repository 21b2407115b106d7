"""The kernel of sigmoid entries, compiled: cross-entropy, focal and asymmetric loss, their sum and their gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest

from .problems import DTYPES, MP, assert_within, ulp

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")

#: (γ₊, γ₋, margin) of one loss for each way through the kernel, and of those that come near its edges.
LOSSES = {
    "cross-entropy": (0.0, 0.0, 0.0),
    "focal": (2.0, 2.0, 0.0),
    "focal of a broken power": (0.5, 0.5, 0.0),
    "asymmetric": (0.0, 4.0, 0.05),
    "asymmetric without margin": (1.0, 4.0, 0.0),
    "asymmetric of no power": (3.0, 0.0, 0.2),
    "asymmetric of a small power": (0.0, 0.3, 0.2),
    "two powers": (7.0, 2.0, 0.0),
    "two broken powers": (0.3, 5.5, 0.0),
}
EVERY_LOSS = pytest.mark.parametrize("powers", LOSSES.values(), ids=LOSSES)
LOGITS = [0.0, 1e-300, -1e-300, 1e-9, -1e-9, 0.3, -0.3, 2.0, -2.0, 9.0, -9.0, 37.0, -37.0, 80.0, -80.0, 700.0, -700.0]
LOGITS += [1e3, -1e3, 1e6, -1e6]


def value_and_gradient(
    logits,
    target,
    powers,
    *,
    scale=1.0,
    live=None,
    positive_weight=None,
    weight=None,
    row_weight=None,
    factors=(1.0, 1.0),
    smoothing=0.0,
    upstream=None,
    threads=1,
):
    """Return the sum over all entries, and with ``upstream`` its gradient."""
    codes = {np.dtype(dtype): code for code, dtype in enumerate(DTYPES)}
    assert logits.flags.c_contiguous and target.flags.c_contiguous and logits.shape == target.shape
    kept = [
        None if each is None else np.ascontiguousarray(each) for each in (live, positive_weight, weight, row_weight)
    ]
    dlogits = None if upstream is None else np.full_like(logits, np.nan)
    total = native.elements(
        logits.ctypes.data,
        codes[logits.dtype],
        math.prod(logits.shape[:-1]),
        logits.shape[-1],
        scale,
        target.ctypes.data,
        codes.get(target.dtype, 0),
        target.dtype.itemsize == 1,
        *(0 if each is None else each.ctypes.data for each in kept),
        *factors,
        smoothing,
        *powers,
        0.0 if upstream is None else upstream,
        0 if dlogits is None else dlogits.ctypes.data,
        threads,
    )
    return total, dlogits


def elements(logits, target, powers, upstream=None, **options):
    """Return the sum over all entries, or with ``upstream`` its gradient."""
    return value_and_gradient(logits, target, powers, upstream=upstream, **options)[upstream is not None]


def one(logit, target, powers, dtype=np.float64, **options):
    """Value and gradient of a single entry."""
    logits, target = np.full((1, 1), logit, dtype), np.full((1, 1), target, dtype)
    value, dlogits = value_and_gradient(logits, target, powers, **options, upstream=1.0)
    return value, dlogits[0, 0]


def allowed_in_float(logits, positive, powers, scale=1.0):
    """Return how far from the truth a loss and its slope by z may be that are computed in float, in float32's ulp.

    3 for p, and so for each factor of a power of it. Where a margin is subtracted from p, p's own error stays.
    """
    gamma, margin = powers[not positive], powers[2]
    ulps = 2 + 3 * (gamma + 1)
    if positive or margin == 0:
        return np.full(np.shape(logits), ulps)
    p = 1 / (1 + np.exp(np.clip(-scale * logits, -700, 700)))
    return ulps + 3 * (gamma + 1) * p / np.maximum(p - margin, 1e-3 * margin)


#: Smaller numbers than this may be 0 where they are computed in float.
NOTHING = 2.0**-110


def label_loss(z, positive, powers):
    """The loss of a label as it is printed, in many digits."""
    gamma_positive, gamma_negative, margin = powers
    p, q = 1 / (1 + MP.exp(-z)), 1 / (1 + MP.exp(z))
    if positive:
        return q**gamma_positive * MP.log1p(MP.exp(-z))
    if margin == 0:
        return p**gamma_negative * MP.log1p(MP.exp(z))
    if p <= margin:
        return MP.mpf(0)
    return (p - MP.mpf(margin)) ** gamma_negative * -MP.log(q + MP.mpf(margin))


# ---- one entry -------------------------------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("scale", [1.0, 0.37])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_gradients_are_right_to_a_few_ulp(powers, positive, scale, dtype):
    gamma = max(powers[:2])
    for logit in np.array(LOGITS, dtype).tolist():
        with MP.workdps(360 if powers[2] and not positive else 60):  # where a tiny slope is that of 1 - margin + e^-700
            z = MP.mpf(scale) * MP.mpf(logit)
            nll = float(MP.log1p(MP.exp(abs(z))))
            value = float(label_loss(z, positive, powers))
            slope = float(scale * MP.diff(lambda x: label_loss(x, positive, powers), z))
        actual = one(logit, float(positive), powers, dtype, scale=scale)
        for number, exact in zip(actual, (value, slope), strict=True):
            # exp of a product or power is as right as its argument
            bound = 2.0**-52 * (8 + 4 * gamma * nll + (scale != 1.0) * (2 + gamma) * abs(scale * logit)) * abs(exact)
            if dtype == np.float32:
                bound = NOTHING + allowed_in_float(logit, positive, powers, scale) * ulp(exact, np.float32)
            assert_within(number, exact, bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 3.0])
def test_infinite_logits_have_their_limits(gamma, dtype):
    powers = (gamma, gamma, 0.0)
    for scale in (1.0, 0.5):
        assert one(np.inf, 1.0, powers, dtype, scale=scale) == (0.0, 0.0)
        assert one(-np.inf, 0.0, powers, dtype, scale=scale) == (0.0, 0.0)
        assert one(np.inf, 0.0, powers, dtype, scale=scale) == (np.inf, scale)
        assert one(-np.inf, 1.0, powers, dtype, scale=scale) == (np.inf, -scale)
        assert one(-np.inf, 0.25, powers, dtype, scale=scale) == (np.inf, -0.25 * scale)
        assert one(np.inf, 0.25, powers, dtype, scale=scale) == (np.inf, 0.75 * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gamma", [0.0, 0.5, 4.0])
def test_infinite_logits_have_their_limits_with_a_margin(gamma, dtype):
    powers = (1.0, gamma, 0.05)
    assert one(np.inf, 1.0, powers, dtype) == (0.0, 0.0)
    assert one(-np.inf, 0.0, powers, dtype) == (0.0, 0.0)
    assert one(-np.inf, 1.0, powers, dtype) == (np.inf, -1.0)
    value, slope = one(np.inf, 0.0, powers, dtype)
    assert math.isclose(value, -(0.95**gamma) * math.log(0.05), rel_tol=1e-14 if dtype == np.float64 else 1e-6)
    assert slope == 0.0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_largest_logits_do_not_overflow_before_their_loss_does(dtype):
    largest = float(np.finfo(dtype).max)
    for gamma in (0.0, 1.5, 2.0):
        assert one(largest, 0.0, (gamma, gamma, 0.0), dtype) == (largest, 1.0)
        assert one(-largest, 1.0, (gamma, gamma, 0.0), dtype) == (largest, -1.0)
        assert one(largest, 1.0, (gamma, gamma, 0.0), dtype) == (0.0, 0.0)


@EVERY_LOSS
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_nan_stays_nan(powers, target, dtype):
    for scale in (1.0, 0.5):
        for logit in (np.nan, -np.nan):
            assert np.isnan(one(logit, target, powers, dtype, scale=scale)).all()


def test_a_margin_forgives_what_lies_within():
    powers, edge = (0.0, 2.0, 0.2), math.log(0.2 / 0.8)
    assert one(edge - 1e-9, 0.0, powers) == (0.0, 0.0)
    value, slope = one(edge + 1e-3, 0.0, powers)
    with MP.workdps(60):
        z = MP.mpf(edge + 1e-3)
        assert math.isclose(value, label_loss(z, False, powers), rel_tol=1e-11)
        assert math.isclose(slope, MP.diff(lambda x: label_loss(x, False, powers), z), rel_tol=1e-11)


@EVERY_LOSS
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("scale", [1.0, 0.37, 7.3])
def test_stored_floats_lose_few_digits(powers, positive, dtype, scale):
    """Against the same in float64, which the test above holds to the truth."""
    rng = np.random.default_rng(0)
    logits = np.concatenate([rng.uniform(-90, 90, 3000), 3 * rng.normal(size=3000), LOGITS])
    logits = np.clip(logits / scale, -6e4, 6e4).astype(dtype)[:, None]
    target = np.full_like(logits, positive)
    dlogits = elements(logits, target, powers, upstream=0.7, scale=scale)
    assert dlogits.dtype == dtype
    exact = elements(logits.astype(np.float64), target.astype(np.float64), powers, upstream=0.7, scale=scale)
    ulps = allowed_in_float(logits.astype(np.float64), positive, powers, scale)
    bound = NOTHING + ulps * ulp(exact, np.float32) + (dtype == np.float16) * 0.5 * ulp(exact, dtype)
    assert_within(dlogits, exact, bound)


@pytest.mark.parametrize("upstream", [1.0, 2.0**-23, 1e-30, 0.0])
def test_gradients_too_small_for_float32_are_zero_and_others_are_not(upstream):
    logits = np.linspace(0, 120, 1201, dtype=np.float32)[:, None]
    dlogits = elements(logits, np.ones_like(logits), (0.0, 0.0, 0.0), upstream=upstream)[:, 0]
    exact = -upstream / (1 + np.exp(logits[:, 0].astype(np.float64)))
    kept = np.abs(exact) > max(upstream * np.exp(-86.0), 2.0**-126)
    np.testing.assert_allclose(dlogits[kept], exact[kept], rtol=1e-6)
    np.testing.assert_array_equal(dlogits[~kept & (np.abs(exact) < 2.0**-127)], 0.0)
    assert kept.any() == (upstream > 0)


# ---- many ------------------------------------------------------------------------------------------------------------


def plain(logits, target, powers, *, scale, live, positive_weight, weight, row_weight, factors, smoothing):
    """The value of each entry as the formula is printed, for small logits; they may be complex."""
    gamma_positive, gamma_negative, margin = powers
    p = 1 / (1 + np.exp(-scale * logits))
    inside = p.real > margin
    r = np.where(inside, p - margin, 0.5)
    of_positive = -((1 - p) ** gamma_positive) * np.log(p)
    of_negative = np.where(inside, -(r**gamma_negative) * np.log(1 - r), 0.0)
    t = (1 - smoothing) * target + smoothing / 2
    s = (1 - smoothing) * (1 - target) + smoothing / 2
    values = factors[0] * positive_weight * t * of_positive + factors[1] * s * of_negative
    return np.where(live, row_weight[:, None] * weight * values, 0.0)


SHAPES = [(1, 1), (1023, 1), (1024, 1), (1025, 1), (1, 1023), (1, 1024), (1, 1025), (3, 341), (2, 512), (2, 513)]
SHAPES += [(340, 3), (342, 3), (4, 205), (6, 171), (1, 5000), (1000, 80)]


@EVERY_LOSS
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [0.1, 1.2])  # beyond 1 where ε is spread over the other label
def test_all_options_are_those_of_the_formula(powers, shape, smoothing):
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=shape), rng.random(shape)
    options = {
        "scale": 0.7,
        "live": rng.random(shape) < 0.8,
        "positive_weight": rng.random(shape[1]),
        "weight": rng.random(shape[1]),
        "row_weight": rng.random(shape[0]),
        "factors": (0.25, 0.75),
        "smoothing": smoothing,
    }
    exact = plain(logits, target, powers, **options)
    assert_within(elements(logits, target, powers, **options), math.fsum(exact.ravel()), 1e-14 * np.abs(exact).sum())
    step = 1e-30  # an imaginary one: nothing is subtracted
    exact = plain(logits + 1j * step, target, powers, **options).imag / step
    dlogits = elements(logits, target, powers, **options, upstream=1.5)
    assert_within(dlogits, 1.5 * exact, 1e-13)
    np.testing.assert_array_equal(dlogits[~options["live"]], 0.0)


@pytest.mark.parametrize("left_out", ["positive_weight", "weight", "row_weight", "live"])
def test_options_may_be_left_out(left_out):
    rng = np.random.default_rng(1)
    logits, target, powers = rng.normal(size=(300, 7)), rng.random((300, 7)), (0.0, 4.0, 0.05)
    ones = {
        "positive_weight": np.ones(7),
        "weight": np.ones(7),
        "row_weight": np.ones(300),
        "live": np.ones((300, 7), bool),
    }
    options = {name: value * rng.random(value.shape) for name, value in ones.items() if name != "live"}
    options["live"] = rng.random((300, 7)) < 0.5
    with_ones, without = options | {left_out: ones[left_out]}, options | {left_out: None}
    assert elements(logits, target, powers, **without) == elements(logits, target, powers, **with_ones)
    dlogits = elements(logits, target, powers, **without, upstream=1.0)
    np.testing.assert_array_equal(dlogits, elements(logits, target, powers, **with_ones, upstream=1.0))


@EVERY_LOSS
def test_what_takes_no_part_may_hold_anything(powers):
    rng = np.random.default_rng(2)
    logits, target = rng.normal(size=(500, 5)), rng.random((500, 5))
    live = rng.random((500, 5)) < 0.6
    expected = elements(logits, target, powers, live=live), elements(logits, target, powers, live=live, upstream=1.0)
    logits[~live] = rng.choice([np.nan, np.inf, -np.inf], size=(~live).sum())
    target[~live] = rng.choice([np.nan, np.inf, -100.0], size=(~live).sum())
    assert elements(logits, target, powers, live=live) == expected[0]
    dlogits = elements(logits, target, powers, live=live, upstream=1.0)
    assert dlogits.tobytes() == expected[1].tobytes()
    assert not dlogits[~live].any()
    # the same of a weight of 0
    logits, target = rng.normal(size=(500, 2)), np.ones((500, 2))
    logits[:, 0] = -np.inf
    dlogits = elements(logits, target, powers, weight=np.array([0.0, 1.0]), upstream=1.0)
    assert not dlogits[:, 0].any() and dlogits[:, 1].all()
    assert np.isfinite(elements(logits, target, powers, weight=np.array([0.0, 1.0])))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target_dtype", [*DTYPES, np.bool_, np.uint8])
def test_logits_and_targets_may_have_any_type(dtype, target_dtype):
    rng = np.random.default_rng(3)
    logits, target = (3 * rng.normal(size=(333, 7))).astype(dtype), (rng.random((333, 7)) < 0.3).astype(target_dtype)
    total, dlogits = value_and_gradient(logits, target, (2.0, 2.0, 0.0), upstream=3.0)
    wide = logits.astype(np.float64), target.astype(np.float64)
    exact_total, exact = value_and_gradient(*wide, (2.0, 2.0, 0.0), upstream=3.0)
    assert dlogits.dtype == dtype
    if np.float64 in (dtype, target_dtype):  # either is enough to compute in float64
        assert total == exact_total
        assert_within(dlogits, exact, 0.501 * ulp(exact, dtype) * (dtype != np.float64))
    else:
        assert math.isclose(total, exact_total, rel_tol=1e-7)
        assert_within(dlogits, exact, 11 * ulp(exact, np.float32) + 0.5 * ulp(exact, dtype))


def test_a_target_of_more_digits_than_the_logits_keeps_them():
    logits, target = np.full((1, 1), 30.0, np.float32), np.full((1, 1), 1 - 1e-10)
    exact = 1 / (1 + math.exp(-30.0)) - target[0, 0]
    assert math.isclose(elements(logits, target, (0.0, 0.0, 0.0), upstream=1.0)[0, 0], exact, rel_tol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@EVERY_LOSS
def test_the_value_is_the_same_with_the_gradient_and_without(powers, dtype):
    rng = np.random.default_rng(6)
    logits, target = (9 * rng.normal(size=(700, 9))).astype(dtype), (rng.random((700, 9)) < 0.3).astype(dtype)
    for options in ({}, {"weight": rng.random(9), "live": rng.random((700, 9)) < 0.5, "scale": 0.7}):
        total, _ = value_and_gradient(logits, target, powers, upstream=1e-3, **options)
        assert total == elements(logits, target, powers, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@EVERY_LOSS
def test_the_shape_of_what_has_no_weights_does_not_matter(powers, dtype):
    rng = np.random.default_rng(7)
    logits, target = (4 * rng.normal(size=30_030)).astype(dtype), (rng.random(30_030) < 0.3).astype(dtype)
    results = []
    for shape in [(1, 30_030), (30_030, 1), (30, 1001), (1001, 30)]:
        total, dlogits = value_and_gradient(logits.reshape(shape), target.reshape(shape), powers, upstream=0.1)
        results.append((total, dlogits.tobytes()))
    assert len(set(results)) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_weights_of_rows_of_one_label_are_those_of_the_labels_of_one_row(dtype):
    rng = np.random.default_rng(9)
    logits, target = (4 * rng.normal(size=3001)).astype(dtype), rng.random(3001) < 0.3
    weight, exact = rng.random(3001), np.log1p(np.exp(np.where(target, -1.0, 1.0) * logits.astype(np.float64)))
    cells = (
        value_and_gradient(logits[:, None], target[:, None], (0.0, 0.0, 0.0), row_weight=weight, upstream=1.0),
        value_and_gradient(logits[None], target[None], (0.0, 0.0, 0.0), weight=weight, upstream=1.0),
        value_and_gradient(
            logits[:, None], target[:, None], (0.0, 0.0, 0.0), row_weight=weight, weight=np.ones(1), upstream=1.0
        ),
    )
    assert len({(total, dlogits.tobytes()) for total, dlogits in cells}) == 1
    assert math.isclose(cells[0][0], math.fsum(weight * exact), rel_tol=1e-7 if dtype != np.float64 else 1e-14)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (3, 1500), (700, 7)])
def test_options_of_floats_are_those_of_doubles(shape):
    rng = np.random.default_rng(8)
    logits, target = rng.normal(size=shape).astype(np.float32), rng.random(shape).astype(np.float32)
    options = {
        "scale": 0.7,
        "live": rng.random(shape) < 0.8,
        "positive_weight": rng.random(shape[1]),
        "weight": rng.random(shape[1]),
        "row_weight": rng.random(shape[0]),
        "factors": (0.25, 0.75),
        "smoothing": 0.1,
    }
    for powers in LOSSES.values():
        total, dlogits = value_and_gradient(logits, target, powers, upstream=1.5, **options)
        wide = logits.astype(np.float64), target.astype(np.float64)
        exact_total, exact = value_and_gradient(*wide, powers, upstream=1.5, **options)
        assert math.isclose(total, exact_total, rel_tol=2e-7)
        assert_within(dlogits, exact, 2e-6)


# ---- repeatability ---------------------------------------------------------------------------------------------------


@EVERY_LOSS
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(5000, 80), (100_001, 1), (3, 40_000), (1, 90_000)])
def test_any_number_of_threads_gives_the_same_bits(powers, shape, weighted):
    rng = np.random.default_rng(4)
    logits, target = (3 * rng.normal(size=shape)).astype(np.float32), rng.random(shape) < 0.1
    options = {"weight": rng.random(shape[1]), "row_weight": rng.random(shape[0]), "live": rng.random(shape) < 0.9}
    results = set()
    for threads in (1, 2, 3, 5):
        total, dlogits = value_and_gradient(
            logits, target, powers, **(options if weighted else {}), upstream=0.3, threads=threads
        )
        results.add((total, dlogits.tobytes()))
    assert len(results) == 1


@EVERY_LOSS
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_neighbour_changes_the_bits_of_a_gradient(powers, dtype):
    rng = np.random.default_rng(5)
    logits, target = (5 * rng.normal(size=(1030, 1))).astype(dtype), rng.random((1030, 1)).astype(dtype)
    dlogits = elements(logits, target, powers, upstream=1.0)
    for i in (0, 5, 511, 1022, 1023, 1024, 1029):
        assert one(logits[i, 0], target[i, 0], powers, dtype)[1] == dlogits[i, 0]
        for neighbour in (np.nan, np.inf, 6e4, 0.0):
            changed = np.full_like(logits, neighbour)
            changed[i] = logits[i]
            assert elements(changed, target, powers, upstream=1.0)[i, 0] == dlogits[i, 0]
