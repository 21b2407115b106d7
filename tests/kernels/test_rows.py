"""The kernels of the losses, compiled: right on rows of every length, layout and kind, and the same bits every time."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.kernels import numpy as spec

from .problems import DTYPES, HOSTILE, assert_within, computing, laid_out, layouts, truth, ulp

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")


# ---- the specification -----------------------------------------------------------------------------------------------


@dataclass
class Problem:
    """Rows in any layout, and everything that can be asked of them."""

    logits: np.ndarray
    target: np.ndarray | None
    coefficients: tuple[np.ndarray, np.ndarray, np.ndarray | None]
    class_coef: np.ndarray | None
    transform: dict

    def __repr__(self):
        asked = {name: value if np.ndim(value) == 0 else "…" for name, value in self.transform.items()}
        target = None if self.target is None else (self.target.dtype, self.target.shape)
        return f"{self.logits.dtype}{self.logits.shape} by {self.logits.strides}, {target=}, {asked}: {self.logits}"

    @property
    def rows(self):
        """The logits as a float64 matrix."""
        return np.array(self.logits, np.float64, order="C").reshape(-1, self.logits.shape[-1])

    @property
    def matrix(self):
        """The target as a float64 matrix."""
        if self.target.ndim > 1:
            return np.array(self.target, np.float64, order="C").reshape(self.rows.shape)
        return (self.target[:, None] == np.arange(self.logits.shape[-1])).astype(np.float64)

    @property
    def flat_target(self):
        return self.target if self.target is None or self.target.ndim == 1 else self.matrix

    @property
    def grad_arguments(self):
        by_softmax, by_target, by_class = self.coefficients
        return self.logits, by_softmax, by_target, self.target, by_class, self.class_coef

    @property
    def is_plain(self):
        scale, softcap, offset = self.transform.values()
        return scale == 1.0 and softcap is None and offset is None

    def rounding(self):
        """How far the z of each row may be off, and, relatively, each slope: products that are made in several ways."""
        scale, softcap, offset = self.transform.values()
        if self.is_plain:
            return np.zeros((len(self.rows), 1)), 0.0
        z = spec.transformed(self.rows, scale, softcap)
        size = np.abs(z).max(axis=1, keepdims=True, where=np.isfinite(z), initial=0.0)
        size += 0.0 if offset is None else np.abs(offset).max()
        exponent = 0.0 if softcap is None else np.minimum(np.abs(np.nan_to_num(self.rows)), 1e6) / softcap
        return 2.0**-50 * size, 2.0**-50 * (2.0 + exponent)


@st.composite
def problems(draw):
    axes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4).filter(lambda sizes: np.prod(sizes) <= 90))
    n_classes = draw(st.one_of(st.integers(1, 80), st.sampled_from([127, 300, 1023, 1024, 1025, 1100])))
    shape, n = (*axes, n_classes), int(np.prod(axes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(DTYPES))
    logits = draw(st.sampled_from([0.0, 1e-3, 1.0, 10.0, 400.0])) * rng.normal(size=shape)
    if draw(st.booleans()):
        hostile = rng.choice(draw(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4)), size=shape)
        logits = np.where(rng.random(shape) < draw(st.sampled_from([0.02, 0.5, 1.0])), hostile, logits)
    with np.errstate(over="ignore"):
        logits = laid_out(logits.astype(dtype), **draw(layouts(len(shape))))
    kind = draw(st.sampled_from(["none", "index", "some", "probs"]))
    target = {"index": rng.integers(0, n_classes, n), "some": rng.integers(-2, n_classes, n)}.get(kind)
    if kind == "probs":
        target = rng.dirichlet(np.full(n_classes, 0.3), axes) * (rng.random(shape) < 0.9)
        target = laid_out(target.astype(draw(st.sampled_from([*DTYPES, np.int32]))), **draw(layouts(len(shape))))
    class_coef = {
        "some": np.where(rng.random(n_classes) < 0.2, 0.0, rng.random(n_classes)),
        "constant": np.broadcast_to(rng.random(), n_classes),
        "zeros": np.broadcast_to(0.0, n_classes),
    }.get(draw(st.sampled_from(["none", "some", "constant", "zeros"])))
    coefficients = np.where(rng.random((3, n)) < 0.3, 0.0, rng.normal(size=(3, n))) * (rng.random(n) < 0.8)
    transform = {
        "scale": draw(st.sampled_from([1.0, 1.0, 0.37, 2.5, 1e-3])),
        "softcap": draw(st.sampled_from([None, None, 5.0, 30.0])),
        "offset": draw(st.sampled_from([None, 3.0 * rng.normal(size=n_classes)])),
    }
    coefficients = (*coefficients[:2], None if class_coef is None else coefficients[2])
    return Problem(logits, target, coefficients, class_coef, transform)


@given(problems())
@settings(max_examples=200)
def test_row_stats_are_those_of_the_specification(problem):
    rows, coef, transform = problem.rows, problem.class_coef, problem.transform
    expected = spec.row_stats(rows, problem.flat_target, coef, **transform, extras=True)
    actual = native.row_stats(problem.logits, problem.target, coef, **transform, extras=True)

    of_z, computed = problem.rounding()[0][:, 0], computing(problem.logits.dtype)
    with np.errstate(invalid="ignore"):
        assert_within(actual.max, expected.max, of_z)
        assert_within(actual.log_sum, expected.log_sum, 8 * ulp(expected.log_sum, computed) + of_z * expected.log_sum)
        of_sum = 1e-14 if computed == np.float64 else 2.0**-22  # terms and their sums are rounded to float
        of_dot = 0.0 if problem.target is None or problem.target.ndim == 1 else of_sum
        assert_within(actual.target_logit, expected.target_logit, of_dot * -expected.target_logit + 4 * of_z)
        of_classes = 0.0 if coef is None else 4 * of_z * coef.sum()
        assert_within(actual.mean_logit, expected.mean_logit, of_sum * -expected.mean_logit + of_classes)
        moved = of_z * (4 - 4 * expected.expected_logit + 40 * rows.shape[1])
        moved += 1e-14 * -expected.expected_logit + (computed == np.float32) * rows.shape[1] * 2e-43  # of e^-104
        assert_within(
            actual.expected_logit, expected.expected_logit, 8 * ulp(expected.expected_logit, computed) + moved
        )
    known = expected.predicted >= 0
    np.testing.assert_array_equal(actual.predicted[~known], -1)
    z = spec.transformed(rows, **transform)
    assert (z[known, actual.predicted[known]] >= (expected.max - of_z)[known]).all()
    if problem.is_plain:
        np.testing.assert_array_equal(actual.predicted, expected.predicted)


def assert_gradient(actual, problem):
    """The gradient has the logits' dtype and memory order, and is right to 4 ulp of the largest term of its sum."""
    logits, rows, target, transform = problem.logits, problem.rows, problem.target, problem.transform
    assert actual.dtype == logits.dtype and actual.strides == np.empty_like(logits).strides
    by_softmax, by_target, by_class = problem.coefficients
    expected = spec.row_grad(
        rows, by_softmax, by_target, problem.flat_target, by_class, problem.class_coef, **transform
    )
    of_z, of_slope = problem.rounding()
    computed = computing(logits.dtype)
    with np.errstate(invalid="ignore"):
        slope = np.abs(spec.slope(rows, transform["scale"], transform["softcap"]))
        of_softmax = np.abs(by_softmax[:, None]) * spec.row_softmax(rows, **transform)
        terms = [np.abs(expected)]
        if target is not None and target.ndim == 1:
            # What a label gets is by_softmax · (p - 1) + (by_softmax + by_target): of 1 nothing is left to cancel.
            terms += [slope * np.where(problem.matrix, np.abs(by_softmax + by_target)[:, None], of_softmax)]
        else:
            terms += [slope * of_softmax]
            terms += [] if target is None else [slope * np.abs(by_target[:, None] * problem.matrix)]
        if by_class is not None:
            terms += [slope * np.abs(by_class[:, None] * problem.class_coef)]
        largest = np.maximum.reduce(terms)
        bound = 4 * ulp(largest, computed) + (of_slope + 4 * of_z) * largest
        bound += (computed == np.float32) * 2e-45 * slope * np.abs(by_softmax[:, None])  # p may round to a denormal
    if computed == np.float64:
        bound *= 4
    if logits.dtype == np.float16:
        bound += 0.501 * ulp(expected, np.float16)
    actual = actual.astype(np.float64).reshape(rows.shape)
    assert_within(actual, expected, np.nan_to_num(bound))
    idle = (by_softmax == 0) & (by_target == 0) & (by_class is None or by_class == 0)
    np.testing.assert_array_equal(actual[idle], 0.0)


@given(problems())
@settings(max_examples=200)
def test_row_grad_is_that_of_the_specification(problem):
    assert_gradient(native.row_grad(*problem.grad_arguments, **problem.transform), problem)


@given(problems())
@settings(max_examples=200)
def test_known_statistics_give_the_same_gradient(problem):
    stats = native.row_stats(problem.logits, **problem.transform)
    assert_gradient(native.row_grad(*problem.grad_arguments, **problem.transform, stats=stats), problem)


@given(problems())
@settings(max_examples=200)
def test_one_pass_gives_the_bits_of_two(problem):
    stats, grad = native.row_stats_and_grad(*problem.grad_arguments, **problem.transform)
    expected = native.row_stats(problem.logits, problem.target, problem.class_coef, **problem.transform)
    for field in ("max", "log_sum", "target_logit", "mean_logit"):
        np.testing.assert_array_equal(getattr(stats, field), getattr(expected, field))
    np.testing.assert_array_equal(grad, native.row_grad(*problem.grad_arguments, **problem.transform))


# ---- accuracy --------------------------------------------------------------------------------------------------------

#: What a result may be off, in units of the last place of what is computed in. Sums of float64 are of float64.
ULPS = {np.float16: 4, np.float32: 4, np.float64: 16}

TRANSFORMS = {
    "plain": {},
    "cooler": {"scale": 0.37},
    "hotter": {"scale": 2.5},
    "softcap": {"softcap": 30.0},
    "all": {"scale": 0.8, "softcap": 20.0, "offset": True},
}


def rows_of_every_kind(n_classes, dtype):
    """Rows that lose digits where there are digits to lose; of a few thousand different numbers each."""
    rng = np.random.default_rng(n_classes)
    normal, here = rng.integers(-160, 160, n_classes) / 64, np.arange(n_classes) == n_classes // 3
    rows = [normal, 8 * normal, 0.25 * rng.integers(-1200, 0, n_classes), np.full(n_classes, 2.5), np.round(normal)]
    rows += [np.where(here, gap, 0.0) for gap in (1e-3, 20.0, 60.0, -20.0)]
    rows += [1e4 + normal, -1e4 + normal, 1e6 + 5 * normal, 256 + normal / 8]
    rows = np.stack(rows) + (rng.normal(size=n_classes) / 64 if n_classes < 5000 else 0.0)
    return np.clip(rows, -6e4, 6e4).astype(dtype)


@cache
def problem_of_every_kind(dtype, n_classes, transform):
    logits = rows_of_every_kind(n_classes, dtype)
    rng = np.random.default_rng(0)
    transform = dict(TRANSFORMS[transform])
    if "offset" in transform:
        transform["offset"] = rng.normal(size=n_classes)
    label = rng.integers(0, n_classes, len(logits))
    label[::2] = logits[::2].argmax(axis=1)
    return logits, label, transform, [truth(row, **transform) for row in logits]


CASES = [
    *[(dtype, n_classes, "plain") for dtype in DTYPES for n_classes in (1, 2, 3, 10, 16, 17, 64, 65, 1000, 1025)],
    *[(dtype, n_classes, name) for dtype in DTYPES for n_classes in (3, 70) for name in TRANSFORMS if name != "plain"],
]
EVERY_KIND = pytest.mark.parametrize("dtype, n_classes, transform", CASES)


@EVERY_KIND
@pytest.mark.parametrize("order", "CF")
def test_statistics_are_right_to_a_few_ulp(dtype, n_classes, transform, order):
    logits, label, transform, truths = problem_of_every_kind(dtype, n_classes, transform)
    stats = native.row_stats(np.asarray(logits, order=order), label, extras=True, **transform)
    computed = computing(dtype)
    for i, exact in enumerate(truths):
        of_z = 2.0**-50 * exact.size if transform else 0.0  # what any product in float64 loses
        gap = 2.0**-52 * -exact.expected if computed == np.float64 else 0.0  # and what differences lose
        nll, of_label = exact.nll[label[i]], 2.0**-52 * -exact.relative[label[i]]
        assert abs(stats.max[i] - exact.max) <= of_z
        assert_within(
            stats.log_sum[i], exact.log_sum, ULPS[dtype] * ulp(exact.log_sum, computed) + gap + of_z * exact.log_sum
        )
        assert_within(
            stats.log_sum[i] - stats.target_logit[i], nll, ULPS[dtype] * ulp(nll, computed) + gap + of_label + of_z
        )
        spread = (2.0**-52 + of_z) * (exact.probs * (1 - exact.relative) ** 2).sum()
        spread = spread if computed == np.float64 else 0.0
        assert_within(
            stats.expected_logit[i], exact.expected, ULPS[dtype] * ulp(exact.expected, computed) + of_z + 2 * spread
        )
        assert exact.relative[stats.predicted[i]] >= -of_z


@EVERY_KIND
@pytest.mark.parametrize("order", "CF")
def test_gradients_are_right_to_a_few_ulp(dtype, n_classes, transform, order):
    logits, label, transform, truths = problem_of_every_kind(dtype, n_classes, transform)
    logits, one, computed = np.asarray(logits, order=order), np.ones(len(logits)), computing(dtype)
    stats = native.row_stats(logits, **transform)
    for known in (None, stats):
        dlogits = native.row_grad(logits, one, -one, label, stats=known, **transform)
        for i, exact in enumerate(truths):
            expected = exact.slope * np.where(np.arange(n_classes) == label[i], -exact.others, exact.probs)
            bound = ULPS[dtype] * ulp(expected, computed) + 0.501 * ulp(expected, np.float16) * (dtype == np.float16)
            if computed == np.float64:
                bound += 2.0**-52 * exact.slope * (exact.probs * -exact.relative - exact.expected)
            if transform:
                saturated = np.abs(logits[i].astype(np.float64)) / transform.get("softcap", np.inf)
                bound += 2.0**-50 * (exact.size + 4 * saturated) * np.abs(expected)
            assert_within(dlogits[i], expected, bound)
            if not transform and dtype != np.float16:
                assert abs(dlogits[i].sum(dtype=np.float64)) <= (1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("dtype, n_classes", [(np.float32, 1_000_000), (np.float32, 100_000), (np.float64, 100_000)])
def test_a_million_classes_lose_nothing(dtype, n_classes):
    computed = computing(dtype)
    for row in rows_of_every_kind(n_classes, dtype):
        exact, label = truth(row), np.array([row.argmin()])
        stats, dlogits = native.row_stats_and_grad(row[None], np.ones(1), -np.ones(1), label)
        gap = 2.0**-52 * (-exact.expected - exact.relative[label[0]])
        assert_within(stats.log_sum[0], exact.log_sum, ULPS[dtype] * ulp(exact.log_sum, computed) + gap)
        nll = exact.nll[label[0]]
        assert_within(stats.log_sum[0] - stats.target_logit[0], nll, ULPS[dtype] * ulp(nll, computed) + gap)
        expected = np.where(np.arange(n_classes) == label, -exact.others, exact.probs)
        gap = 2.0**-51 * -exact.relative * exact.probs if dtype == np.float64 else 0.0
        assert_within(dlogits[0], expected, ULPS[dtype] * ulp(expected, computed) + gap)
        assert abs(dlogits.sum(dtype=np.float64)) <= 1e-6


@pytest.mark.parametrize("n_classes", [2, 65])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.37, 2.5])
def test_what_is_left_of_one_survives_known_statistics(dtype, n_classes, scale):
    # scale · max rounds, and what it is divided into again need not be the largest logit
    logits = np.full((50, n_classes), -200.0, dtype)
    logits[:, :2] = np.random.default_rng(0).uniform(1, 100, (50, 1))
    logits[:, 1] -= 20 / scale
    label, one = np.zeros(50, int), np.ones(50)
    stats = native.row_stats(logits, scale=scale)
    dlogits = native.row_grad(logits, one, -one, label, scale=scale, stats=stats)
    expected = np.array([-scale * truth(row, scale).others[0] for row in logits])
    assert_within(dlogits[:, 0], expected, 4 * ulp(expected, dtype) + 1e-13 * np.abs(expected))


@pytest.mark.parametrize("coefficient", [1e-30, 1e30])
@pytest.mark.parametrize("n_classes", [10, 1000])
@pytest.mark.parametrize("order", "CF")
def test_the_size_of_coefficients_costs_no_digits(n_classes, coefficient, order):
    logits = np.random.default_rng(1).normal(size=(20, n_classes)).astype(np.float32, order=order)
    coefficients = np.full(20, coefficient)
    label = logits.argmax(axis=1)
    expected = spec.row_grad(logits.astype(np.float64), coefficients, -coefficients, label)
    actual = native.row_grad(logits, coefficients, -coefficients, label)
    assert_within(actual, expected, 4 * ulp(expected, np.float32))


# ---- rows without a part ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [3, 200])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("softcap", [None, 7.0])
def test_rows_without_coefficients_get_exact_zeros_whatever_they_hold(dtype, n_classes, order, softcap):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(130, n_classes)).astype(dtype, order=order)
    idle = np.arange(130) % 3 > 0
    idle[32:64] = True  # whole tiles too
    logits[idle] = rng.choice([np.nan, np.inf, -np.inf, 1.0], size=(idle.sum(), n_classes))
    coefficients = np.where(idle, 0.0, rng.normal(size=(3, 130)))
    probs, class_coef = rng.dirichlet(np.ones(n_classes), 130), rng.random(n_classes)
    probs[idle] = np.nan
    for target in (None, rng.integers(0, n_classes, 130), probs):
        arguments = (logits, *coefficients[:2], target, coefficients[2], class_coef)
        stats = native.row_stats(logits, softcap=softcap)
        one_pass = native.row_stats_and_grad(*arguments, softcap=softcap)[1]
        for dlogits in (native.row_grad(*arguments, softcap=softcap, stats=stats), one_pass):
            np.testing.assert_array_equal(dlogits[idle], 0.0)
            assert np.isfinite(dlogits).all() and (dlogits[~idle] != 0).any(axis=1).all()


# ---- repeatability ---------------------------------------------------------------------------------------------------


def results_of(logits, index, probs, coefficients, class_coef):
    """Every result, one array each with its rows first."""
    known = native.row_stats(logits, index, class_coef, extras=True, scale=0.7)
    of_probs = native.row_stats(logits, probs, softcap=9.0)
    return [
        *known,
        *of_probs[:4],
        *native.row_stats(logits, index)[:3],
        native.row_grad(logits, *coefficients[:2], index),
        native.row_grad(logits, *coefficients[:2], index, scale=0.7, stats=known),
        native.row_grad(logits, *coefficients[:2], probs, coefficients[2], class_coef, softcap=9.0),
        native.row_stats_and_grad(logits, *coefficients[:2], index, coefficients[2], class_coef)[1],
    ]


def arguments_for(shape, dtype, order="C"):
    rng = np.random.default_rng(0)
    n, n_classes = shape
    return (
        (5 * rng.normal(size=shape)).astype(dtype, order=order),
        rng.integers(0, n_classes, n),
        rng.dirichlet(np.ones(n_classes), n).astype(dtype),
        rng.normal(size=(3, n)),
        rng.random(n_classes),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", [(4000, 10), (501, 137), (33, 2500)])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, shape, dtype, order):
    arguments = arguments_for(shape, dtype, order)
    assert arguments[0].size > native.SMALL
    results = []
    for threads in (1, 2, 3, 5):
        monkeypatch.setattr(native, "threads", lambda threads=threads: threads)
        results.append([result.tobytes() for result in results_of(*arguments)])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("n_classes", [1, 10, 64, 65, 1030])
def test_any_cut_into_batches_gives_the_same_bits(n_classes, dtype, order):
    logits, index, probs, coefficients, class_coef = arguments_for((101, n_classes), dtype, order)
    whole = results_of(logits, index, probs, coefficients, class_coef)
    for part in (slice(0, 1), slice(1, 40), slice(100, None, -1), slice(3, 90, 7)):
        results = results_of(logits[part], index[part], probs[part], coefficients[:, part], class_coef)
        for actual, expected in zip(results, whole, strict=True):
            assert actual.tobytes() == expected[part].tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("n_classes", [3, 64, 100])
def test_no_neighbour_changes_the_bits_of_a_row(n_classes, dtype, order):
    logits, index, probs, coefficients, class_coef = arguments_for((37, n_classes), dtype, order)
    whole = results_of(logits, index, probs, coefficients, class_coef)
    for i in (0, 5, 18, 36):
        for neighbour in (np.nan, np.inf, -np.inf, 1e30, 300.0, 0.0):
            changed = np.full_like(logits, neighbour if abs(neighbour) != 1e30 or dtype != np.float16 else 6e4)
            changed[:, 0] += 1
            changed[i] = logits[i]
            results = results_of(changed, index, probs, coefficients, class_coef)
            for actual, expected in zip(results, whole, strict=True):
                assert actual[i].tobytes() == expected[i].tobytes()


# ---- layouts and sizes -----------------------------------------------------------------------------------------------


def test_images_are_read_and_written_where_they_lie():
    rng = np.random.default_rng(0)
    planes = rng.normal(size=(3, 21, 17, 19)).astype(np.float32)  # (B, C, H, W)
    channels_last = np.moveaxis(np.ascontiguousarray(np.moveaxis(planes, 1, -1)), -1, 1)
    label, one = rng.integers(0, 21, 3 * 17 * 19), np.ones(3 * 17 * 19)
    expected = spec.row_grad(np.moveaxis(planes, 1, -1).astype(np.float64), one, -one, label)
    for images in (planes, channels_last, planes[:, :, ::-1, ::2], np.repeat(planes, 2, axis=1)[:, ::2]):
        chosen = np.arange(3 * 17 * 19).reshape(3, 17, 19)
        rows = chosen[:, ::-1, ::2] if images.shape[3] < 19 else chosen
        logits = np.moveaxis(images, 1, -1)
        dlogits = native.row_grad(logits, one[rows.ravel()], -one[rows.ravel()], label[rows.ravel()])
        assert dlogits.strides == np.empty_like(logits).strides
        exact = expected.reshape(-1, 21)[rows.ravel()].reshape(logits.shape)
        assert_within(dlogits, exact, 4 * ulp(exact, np.float32))


def test_arrays_that_the_core_cannot_address_are_copied():
    rng = np.random.default_rng(0)
    many_axes = rng.normal(size=(2, 3, 2, 3, 2, 3, 2, 5)).transpose(1, 0, 3, 2, 5, 4, 6, 7)  # none can be merged
    raw = np.zeros(8 * 6 * 5 + 1, np.uint8)
    askew = raw[1:].view(np.float64).reshape(6, 5)
    askew[...] = rng.normal(size=(6, 5))
    assert not askew.flags.aligned
    for logits in (many_axes, askew):
        n = logits.size // 5
        label, by_softmax, by_target = rng.integers(0, 5, n), *rng.normal(size=(2, n))
        probs = rng.random(logits.shape)
        probs = np.moveaxis(np.ascontiguousarray(np.moveaxis(probs, 0, -2)), -2, 0)
        for target in (label, probs):
            plain = (np.ascontiguousarray(logits), by_softmax, by_target, np.ascontiguousarray(target))
            stats, dlogits = native.row_stats_and_grad(logits, by_softmax, by_target, target)
            expected_stats, expected = native.row_stats_and_grad(*plain)
            assert dlogits.strides == np.empty_like(logits).strides
            np.testing.assert_array_equal(dlogits, expected)
            np.testing.assert_array_equal(stats.target_logit, expected_stats.target_logit)
            np.testing.assert_array_equal(native.row_grad(logits, by_softmax, by_target, target), expected)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32, np.int64, ">i4"])
def test_class_indices_may_have_any_type(dtype):
    logits = np.random.default_rng(0).normal(size=(100, 12))
    label = np.arange(100) % 12
    expected = np.take_along_axis(logits, label[:, None], 1)[:, 0] - logits.max(axis=1)
    np.testing.assert_array_equal(native.row_stats(logits, label.astype(dtype)).target_logit, expected)


def test_more_rows_and_classes_than_32_bits_can_count():
    row = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    logits = np.broadcast_to(row, (3_000_000, 1000))
    log_sum = native.row_stats(logits).log_sum
    np.testing.assert_array_equal(log_sum, native.row_stats(row[None]).log_sum[0])


@pytest.mark.skipif(sys.platform == "win32", reason="files have no holes here")
def test_more_bytes_between_elements_than_32_bits_can_count(tmp_path):
    # a file of holes: nothing but what is written takes room
    memory = np.asarray(np.memmap(tmp_path / "holes", np.float16, "w+", shape=(2, 3_000_000_000)))
    few = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float16)
    memory[:, :40] = few.T
    memory[:, -40:] = few.T
    one, label = np.ones(40), np.arange(40) % 2
    stats, dlogits = native.row_stats_and_grad(few, one, -one, label)
    for far in (memory[:, :40].T, memory[:, -40:].T):  # the classes lie apart
        np.testing.assert_array_equal(native.row_stats(far, label).log_sum, stats.log_sum)
        np.testing.assert_array_equal(native.row_grad(far, one, -one, label), dlogits)
    rows = memory.reshape(-1, 2)[:: 3_000_000_000 - 20]  # and here the rows
    expected = native.row_stats(np.ascontiguousarray(rows))
    np.testing.assert_array_equal(native.row_stats(rows).log_sum, expected.log_sum)
    assert len(rows) == 2 and rows.any(axis=1).all()
