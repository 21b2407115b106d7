"""The kernels of evaluations, compiled: probabilities, moments, scores, histograms and hashes of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.kernels import numpy as spec

from .problems import DTYPES, HOSTILE, MP, assert_within, laid_out, layouts, truth, ulp

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")

SCALES = st.sampled_from([1.0, 0.37, 2.5, 1e-3])


@st.composite
def matrices(draw, dtypes=DTYPES):
    """Logits of any layout, with and without what is no ordinary number."""
    shape = draw(st.integers(0, 70)), draw(st.one_of(st.integers(1, 80), st.sampled_from([300, 1024, 1025, 1100])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = draw(st.sampled_from([0.0, 1e-3, 1.0, 10.0, 400.0])) * rng.normal(size=shape)
    if draw(st.booleans()):
        hostile = rng.choice(draw(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4)), size=shape)
        logits = np.where(rng.random(shape) < draw(st.sampled_from([0.02, 0.5, 1.0])), hostile, logits)
    with np.errstate(over="ignore"):
        logits = logits.astype(draw(st.sampled_from(dtypes)))
    layout = draw(layouts(2)) | ({} if shape[0] else {"expanded": None})
    return laid_out(logits, **layout)


def plain(logits):
    """The same logits, as a float64 matrix in C order."""
    return np.array(logits, np.float64, order="C")


# ---- the specification -----------------------------------------------------------------------------------------------


@given(matrices(), SCALES, st.booleans())
def test_row_softmax_is_that_of_the_specification(logits, scale, log):
    expected = spec.row_softmax(plain(logits), scale=scale, log=log)
    actual = native.row_softmax(logits, scale=scale, log=log)
    assert actual.dtype == logits.dtype
    with np.errstate(over="ignore"):
        expected[~np.isfinite(expected.astype(logits.dtype))] *= np.inf  # beyond what the type can say
    half = 0.501 * ulp(expected, logits.dtype) if logits.dtype != np.float64 else 0.0
    assert_within(actual, expected, half + 2.0**-50 * np.maximum(np.abs(expected), log))


def test_row_softmax_transforms_logits_of_any_shape():
    rng = np.random.default_rng(0)
    logits, offset = np.moveaxis(5 * rng.normal(size=(3, 7, 4, 5)), 1, -1), rng.normal(size=7)
    for options in ({"softcap": 3.0}, {"offset": offset}, {"scale": 0.7, "softcap": 3.0, "offset": offset}):
        for log in (False, True):
            expected = spec.row_softmax(logits, **options, log=log)
            assert_within(native.row_softmax(logits, **options, log=log), expected, 2.0**-50 * np.abs(expected))


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("kernels", [native, spec], ids=["native", "numpy"])
def test_row_softmax_is_laid_out_in_memory_as_the_logits_are(kernels, log):
    planes = np.random.default_rng(2).normal(size=(3, 7, 4, 5))  # (B, C, H, W)
    images = np.moveaxis(planes, 1, -1)
    fortran, few = np.asfortranarray(images), images[:, ::-1, ::2]
    for logits in (images, fortran, few, fortran[0, 0], np.broadcast_to(images[0, 0], (6, 5, 7))):
        each = plain(logits).reshape(-1, 7)
        exps = np.exp(each - each.max(axis=1, keepdims=True))
        expected = exps / exps.sum(axis=1, keepdims=True)
        found = kernels.row_softmax(logits, log=log)
        assert found.strides == np.empty_like(logits).strides
        np.testing.assert_allclose(np.exp(found) if log else found, expected.reshape(logits.shape), rtol=1e-13)


@given(matrices(), st.sampled_from([0.0, 1e-3, 1.0, 30.0]))
def test_row_moments_are_those_of_the_specification(logits, scale):
    mean, variance = spec.row_moments(plain(logits), scale=scale)
    actual = native.row_moments(logits, scale=scale)
    assert_within(actual[0], mean, 1e-13 * np.abs(mean))
    with np.errstate(over="ignore"):
        assert_within(actual[1], variance, 1e-12 * (variance + mean**2))


@given(matrices(), SCALES, st.integers(0, 2**32))
def test_row_scores_are_those_of_the_specification(logits, scale, seed):
    target = np.random.default_rng(seed).integers(0, logits.shape[1], len(logits))
    expected, actual = (
        kernels.row_scores(rows, target, scale=scale) for kernels, rows in ((spec, plain(logits)), (native, logits))
    )
    np.testing.assert_array_equal(actual.predicted, expected.predicted)
    np.testing.assert_array_equal(actual.rank, expected.rank)
    for field in ("nll", "confidence", "sum_squares"):
        value = getattr(expected, field)
        assert_within(getattr(actual, field), value, 2.0**-49 * np.maximum(1.0, np.abs(value)))
    known = ~np.isnan(expected.nll)
    np.testing.assert_array_equal((actual.rank == 0)[known], (actual.predicted == target)[known])


@given(matrices(), SCALES, st.integers(0, 6), st.booleans(), st.integers(0, 2**32))
@settings(max_examples=60)
def test_class_histogram_is_that_of_the_specification(logits, scale, bits, weighted, seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, logits.shape[1], len(logits))
    weight, edges = rng.random(len(logits)) if weighted else None, spec.odds_edges(bits)
    tables = np.zeros((2, 3, logits.shape[1], len(edges)))
    spec.class_histogram(plain(logits), target, weight, *tables[0], bits=bits, scale=scale)
    native.class_histogram(logits, target, weight, *tables[1], bits=bits, scale=scale)
    # An odds within rounding of an edge may fall on either side of it: compare what lies below each edge, and allow for
    # the rows whose odds are that near.
    with np.errstate(divide="ignore"):
        probs = np.clip(spec.row_softmax(plain(logits), scale=scale), 0.0, 1.0)
        odds = probs / (1.0 - probs)
    near = np.zeros_like(tables[0, 0])
    for b, edge in enumerate(edges):
        near[:, b] = (np.abs(odds - edge) <= 1e-9 * edge * (1.0 + edge)).sum(axis=0)
    for expected, actual in zip(*tables.cumsum(axis=3), strict=True):
        at_edge = np.concatenate([near[:, 1:], np.zeros((len(near), 1))], axis=1)
        assert_within(actual, expected, at_edge + 1e-12 * (1.0 + np.abs(expected)))


@given(matrices(dtypes=[np.float32, np.float64]))
def test_row_hash_is_that_of_the_specification(logits):
    np.testing.assert_array_equal(native.row_hash(logits), spec.row_hash(logits))


def test_half_precision_is_hashed_in_whole_words_or_not_at_all():
    logits = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float16)
    np.testing.assert_array_equal(native.row_hash(logits), spec.row_hash(logits))
    with pytest.raises(ValueError):
        native.row_hash(logits[:, :3])


def test_histogram_bins_are_exact_where_the_odds_are():
    even = np.zeros((5, 3))  # odds of 1/2
    certain = np.array([[1.0, -np.inf, -np.inf]])
    tables = np.zeros((2, 3, 3, len(spec.odds_edges(4))))
    for kernels, of_kernels in zip((spec, native), tables, strict=True):
        kernels.class_histogram(even, np.arange(5) % 3, None, *of_kernels, bits=4)
        kernels.class_histogram(certain, np.zeros(1, int), None, *of_kernels, bits=4)
    np.testing.assert_array_equal(tables[1, :2], tables[0, :2])
    half = np.flatnonzero(spec.odds_edges(4) == 0.5)[0]
    assert tables[1, 0, 1, half] == 5
    assert tables[1, 0, 0, -1] == 1  # odds are infinite
    assert tables[1, 0, 1, 0] == 1  # odds are 0


# ---- repeatability ---------------------------------------------------------------------------------------------------


def results_of(logits, target):
    """Every result but the histogram, one array each with its rows first."""
    return [
        native.row_softmax(logits),
        native.row_softmax(logits, scale=0.7, log=True),
        *native.row_moments(logits),
        *native.row_scores(logits, target),
        native.row_hash(logits.astype(np.float32)),
    ]


def histogram_of(logits, target, tables=None):
    tables = np.zeros((3, logits.shape[1], len(spec.odds_edges(3)))) if tables is None else tables
    native.class_histogram(logits, target, None, *tables, bits=3)
    return tables


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(4000, 10), (501, 137), (33, 2500)])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, shape, dtype):
    rng = np.random.default_rng(0)
    logits, target = (5 * rng.normal(size=shape)).astype(dtype), rng.integers(0, shape[1], shape[0])
    assert logits.size > native.SMALL
    results = []
    for threads in (1, 2, 3, 5):
        monkeypatch.setattr(native, "threads", lambda threads=threads: threads)
        arrays = [*results_of(logits, target), histogram_of(logits, target)]
        results.append([array.tobytes() for array in arrays])
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_classes", [1, 2, 10, 137, 1500])
def test_any_cut_into_batches_gives_the_same_bits(n_classes, dtype):
    rng = np.random.default_rng(1)
    logits, target = (5 * rng.normal(size=(101, n_classes))).astype(dtype), rng.integers(0, n_classes, 101)
    whole, tables = results_of(logits, target), None
    for part in (slice(0, 1), slice(1, 40), slice(40, 101)):
        for actual, expected in zip(results_of(logits[part], target[part]), whole, strict=True):
            assert actual.tobytes() == expected[part].tobytes()
        tables = histogram_of(logits[part], target[part], tables)
    np.testing.assert_array_equal(tables, histogram_of(logits, target))


# ---- accuracy --------------------------------------------------------------------------------------------------------


def ulps(actual, exact):
    """How far ``actual`` is from the number ``exact`` of mpmath, in units of the last place of float64."""
    return abs(float((MP.mpf(float(actual)) - exact) / MP.mpf(float(np.spacing(abs(float(exact)))))))


def test_exponentials_are_right_to_an_ulp_and_a_half_down_to_the_denormals():
    rng = np.random.default_rng(2)
    x = np.concatenate([np.linspace(-745.2, 0, 1500), -np.exp(rng.uniform(-40, 6.6, 1500))])
    x = x[x <= -40]  # here 1 + e^x is 1 in float64, so the softmax of (0, x) is e^x itself
    probs = native.row_softmax(np.stack([np.zeros_like(x), x], axis=1))[:, 1]
    assert max(ulps(p, MP.exp(float(value))) for p, value in zip(probs, x, strict=True)) <= 1.5
    far = native.row_softmax(np.array([[0.0, -745.2], [0.0, -1e4], [0.0, -np.inf]]))
    np.testing.assert_array_equal(far, [[1.0, 0.0]] * 3)


def test_log_sums_are_right_to_two_ulps():
    gaps = -np.concatenate([np.linspace(0, 50, 400), np.geomspace(1e-300, 700, 400)])
    rows = np.stack([np.zeros_like(gaps), gaps], axis=1)
    with MP.workdps(400):
        exact = [MP.log1p(MP.exp(float(gap))) for gap in gaps]
    assert (
        max(
            ulps(-log_prob, true)
            for log_prob, true in zip(native.row_softmax(rows, log=True)[:, 0], exact, strict=True)
        )
        <= 2
    )
    assert max(ulps(log_sum, true) for log_sum, true in zip(native.row_stats(rows).log_sum, exact, strict=True)) <= 2


@pytest.mark.parametrize("n_classes", [2, 3, 10, 100, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_log_probabilities_are_within_an_ulp_of_the_rounded_truth(n_classes, dtype):
    logits = (6 * np.random.default_rng(n_classes).normal(size=(3, n_classes))).astype(dtype)
    for row, got in zip(logits, native.row_softmax(logits, log=True), strict=True):
        rounded = -truth(row).nll.astype(dtype)
        assert (np.abs(got - rounded) <= np.spacing(np.abs(rounded))).all()


def test_a_million_classes_lose_nothing():
    n_classes = 1_000_000
    logits = np.zeros((1, n_classes), np.float32)
    logits[0, ::2] = -1.0
    lse = MP.log(n_classes // 2) + MP.log1p(MP.exp(-1))
    expected = np.array([float(-1 - lse), float(-lse)]).astype(np.float32)
    np.testing.assert_array_equal(native.row_softmax(logits, log=True)[0, :2], expected)
    scores = native.row_scores(logits, np.array([999_999]))
    assert (scores.predicted[0], scores.rank[0]) == (1, 499_999)
