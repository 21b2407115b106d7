"""The kernels of evaluations, compiled: probabilities, moments, scores, histograms and hashes of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.kernels import numpy as spec

from .problems import DTYPES, HOSTILE, MP, assert_within, laid_out, layouts, truth, ulp

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")

RNG = np.random.default_rng(11)
INTEGERS = [np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint32]
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


@given(matrices(), st.sampled_from([1e-3, 1.0, 30.0]), st.booleans(), st.sampled_from(INTEGERS), st.integers(0, 2**32))
def test_temperature_sums_are_those_of_the_specification(logits, scale, weighted, integer, seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, min(logits.shape[1], np.iinfo(integer).max), len(logits)).astype(integer)
    weight = rng.integers(0, 3, len(logits)) * rng.random(len(logits)) if weighted else None
    expected = spec.temperature_sums(plain(logits), target, weight, scale=scale)
    actual = native.temperature_sums(logits, target, weight, scale=scale)
    assert (actual.rows, actual.undefined) == (expected.rows, expected.undefined)
    assert actual.weight == pytest.approx(expected.weight, rel=1e-14)
    assert actual.slope_at_infinity == pytest.approx(expected.slope_at_infinity, rel=1e-13)
    # A slope is the difference of what slope_at_infinity sums and of a mean that is no larger than the next sum.
    size = expected.slope_at_infinity + abs(expected.slope_at_zero)
    assert actual.slope_at_zero == pytest.approx(expected.slope_at_zero, rel=0, abs=1e-13 * size)
    assert actual.slope == pytest.approx(expected.slope, rel=0, abs=1e-13 * size)
    assert actual.slope_squares == pytest.approx(expected.slope_squares, rel=1e-12, abs=1e-26 * size * size)
    assert actual.curvature == pytest.approx(expected.curvature, rel=1e-13 * logits.shape[1], abs=1e-300)
    sizes = 1e-13 * logits.shape[1] * expected.curvature * np.abs(plain(logits)[np.isfinite(logits)]).max(initial=0.0)
    assert actual.bend == pytest.approx(expected.bend, rel=0, abs=2 * sizes)


def test_temperature_sums_are_derivatives():
    logits, target = 3 * RNG.normal(size=(7, 5)), np.arange(7) % 5
    weight = RNG.random(7)

    def loss(beta):
        z = [[MP.mpf(float(value)) * beta for value in row] for row in logits]
        each = [MP.log(MP.fsum(map(MP.exp, row))) - row[y] for row, y in zip(z, target, strict=True)]
        return MP.fsum(MP.mpf(float(w)) * value for w, value in zip(weight, each, strict=True))

    for kernels in (spec, native):
        sums = kernels.temperature_sums(logits, target, weight, scale=0.4)
        at_zero, at_infinity = (float(MP.diff(loss, beta)) for beta in (0, 500))
        assert sums.slope == pytest.approx(float(MP.diff(loss, MP.mpf(0.4))), rel=1e-13)
        assert sums.curvature == pytest.approx(float(MP.diff(loss, MP.mpf(0.4), 2)), rel=1e-13)
        assert sums.bend == pytest.approx(float(MP.diff(loss, MP.mpf(0.4), 3)), rel=1e-12)
        assert sums.slope_at_zero == pytest.approx(at_zero, rel=1e-13)
        assert sums.slope_at_infinity == pytest.approx(at_infinity, rel=1e-13)
        each = [kernels.temperature_sums(logits[i:][:1], target[i:][:1], scale=0.4).slope for i in range(7)]
        assert sums.slope_squares == pytest.approx(float(np.square(weight * each).sum()), rel=1e-13)


def test_rows_that_take_no_part_in_a_fit_leave_no_trace():
    good, target = 2 * RNG.normal(size=(40, 6)), RNG.integers(0, 6, 40)
    bad = np.zeros((5, 6))
    bad[0, 3], bad[1, 0], bad[2], bad[3, 0] = np.nan, np.inf, -np.inf, -np.inf  # in the last the target's class
    bad[4] = 9.0
    rows, index = np.concatenate([good, bad]), np.concatenate([target, [0, 0, 0, 0, 1]])
    weight = np.concatenate([np.ones(44), [0.0]])
    for kernels in (spec, native):
        expected = kernels.temperature_sums(good, target, scale=0.7)
        sums = kernels.temperature_sums(rows, index, weight, scale=0.7)
        assert (sums.rows, sums.undefined, sums.weight) == (40, 3, 40)
        np.testing.assert_allclose(sums[3:], expected[3:], rtol=1e-14)
    with pytest.raises(IndexError, match="target must lie in 0 … 5; got 6 at row 2"):
        native.temperature_sums(good, np.array([0, 1, 6] + [0] * 37, np.uint8))
    with pytest.raises(IndexError, match="got -1 at row 0"):
        native.temperature_sums(good, np.full(40, -1, np.int32))
    for wrong in ({"target": target[1:]}, {"target": target, "weight": np.ones(39)}):
        with pytest.raises(ValueError, match=r"must have shape \(40,\); got \(39,\)"):
            native.temperature_sums(good, **wrong)


@given(matrices(), SCALES, st.sampled_from([1, 2, 3, 10, 15, 49, 1000]), st.integers(0, 2**32))
def test_confidence_counts_are_those_of_the_specification(logits, scale, n_bins, seed):
    target = np.random.default_rng(seed).integers(0, logits.shape[1], len(logits))
    expected, actual = np.ones((2, 4, n_bins), np.int64)
    undefined = spec.confidence_counts(plain(logits), target, expected, scale=scale)
    assert native.confidence_counts(logits, target, actual, scale=scale) == undefined
    # A confidence within rounding of an edge may fall on either side of it: compare what lies below each edge.
    confidence = spec.row_scores(plain(logits), target, scale=scale).confidence
    edges = np.arange(1, n_bins + 1) / n_bins
    near = (np.abs(confidence[:, None] - edges) < 1e-14).sum(axis=0)
    near[-1] = 0
    below = actual.cumsum(axis=1) - expected.cumsum(axis=1)
    assert (np.abs(below[:2]) <= near).all()
    total = (below[2].astype(object) * 2**28 + below[3]).astype(float) / 2.0**56
    assert (np.abs(total) <= near + 1e-14 * len(logits)).all()


@pytest.mark.parametrize("n_bins", [1, 7, 10, 15, 49])
def test_a_confidence_on_an_edge_belongs_to_the_bin_above(n_bins):
    # exp(z) of two classes at odds that make the confidence, as the kernel computes it, whatever it is; K = 1 makes 1.
    odds = np.concatenate([np.arange(n_bins + 1) / (n_bins - np.arange(n_bins + 1) + 1e-9), np.linspace(0.5, 9, 400)])
    with np.errstate(divide="ignore"):
        logits = np.stack([np.log(odds), np.zeros_like(odds)], axis=1)
    target = np.zeros(len(odds), int)
    for rows, label in ((logits, target), (logits[:, :1], target), (np.zeros((4, 10)), np.array([0, 3, 0, 1]))):
        known = np.isfinite(rows).any(axis=1)
        rows, label = rows[known], label[known]
        scores = native.row_scores(rows, label)
        bins = np.searchsorted(np.arange(1, n_bins) / n_bins, scores.confidence, side="right")
        counts = np.zeros((4, n_bins), np.int64)
        native.confidence_counts(rows, label, counts)
        np.testing.assert_array_equal(counts[0], np.bincount(bins, minlength=n_bins))
        np.testing.assert_array_equal(counts[1], np.bincount(bins[scores.rank == 0], minlength=n_bins))
        np.testing.assert_allclose(
            counts[2] / 2.0**28 + counts[3] / 2.0**56, np.bincount(bins, scores.confidence, n_bins), rtol=1e-15
        )


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
        *native.row_scores(logits, target),
        native.row_hash(logits.astype(np.float32)),
    ]


def counts_of(logits, target):
    counts = np.zeros((4, 15), np.int64)
    native.confidence_counts(logits, target, counts)
    return counts


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
        sums = np.array(native.temperature_sums(logits, target, scale=0.5))
        arrays = [*results_of(logits, target), histogram_of(logits, target), sums, counts_of(logits, target)]
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
    parts = [counts_of(logits[part], target[part]) for part in (slice(0, 40), slice(40, 101))]
    np.testing.assert_array_equal(sum(parts), counts_of(logits, target))
    rows = [native.temperature_sums(logits[i:][:1], target[i:][:1]) for i in range(101)]
    whole = native.temperature_sums(logits, target)
    np.testing.assert_allclose(np.sum(rows, axis=0), whole, rtol=1e-13, atol=1e-13 * whole.slope_at_infinity)


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
