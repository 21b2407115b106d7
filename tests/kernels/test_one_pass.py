"""Reduced losses of NumPy arrays in one pass of the compiled functions, against their definition in NumPy.

The definition is held to the truth in tests/math; here what serves instead of it is held to it, and made to serve.
"""

import math
import os
import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import xent
from xent import _pipeline, _sigmoid
from xent.errors import TargetError

from .problems import DTYPES, assert_within, ulp

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")

RNG = np.random.default_rng(7)
N, K = 29, 7
LOGITS = 3 * RNG.normal(size=(N, K))
INDEX = RNG.integers(0, K, N)
IGNORING = np.where(np.arange(N) % 4 == 1, -100, INDEX)
PROBS = RNG.dirichlet(np.ones(K), N)
BINARY = (RNG.random((N, K)) < 0.3).astype(np.float64)
LABELS = np.where(BINARY == 1, RNG.random((N, K)), 0.0)
WEIGHT = np.array([0.5, 2.0, 0.0, 1.25, 1.0, 3.0, 0.1])
ROW_WEIGHT = np.where(np.arange(N) % 5 == 2, 0.0, RNG.uniform(0.1, 3, N))

OF_INDEX = [
    xent.CrossEntropy(),
    xent.CrossEntropy(label_smoothing=0.2),
    xent.CrossEntropy(label_smoothing=0.3, smoothing="others", z_loss=0.02),
    xent.CrossEntropy(z_loss=0.1),
    xent.Focal(2.0),
    xent.Focal(0.5, alpha=(0.25, 1.0, 2.0, 0.5, 0.0, 1.0, 3.0), z_loss=0.1),
    xent.Poly1(-0.5),
    xent.GeneralizedCrossEntropy(0.7),
    xent.SymmetricCrossEntropy(),
]
OF_PROBS = [loss for loss in OF_INDEX if loss.linear]
OF_ENTRIES = [
    xent.CrossEntropy(),
    xent.CrossEntropy(label_smoothing=0.2),
    xent.Focal(2.0, alpha=0.25),
    xent.Focal(1.5, label_smoothing=0.7, smoothing="others"),
    xent.Asymmetric(),
    xent.Asymmetric(1.0, 2.0, 0.0),
]
REDUCTIONS = [
    {},
    {"reduction": "sum"},
    {"mean": "torch"},
    {"normalizer": 7.5},
]
OF_ROWS = [{}, {"weight": WEIGHT}, {"sample_weight": ROW_WEIGHT}, {"weight": WEIGHT, "sample_weight": ROW_WEIGHT}]
MASK = RNG.random((N, K)) < 0.7
OF_LABELS = [
    {},
    {"weight": WEIGHT},
    {"weight": 0.5},
    {"weight": ROW_WEIGHT[:, None]},
    {"weight": RNG.uniform(0, 2, (N, K)), "pos_weight": 3.0},
    {"pos_weight": WEIGHT + 0.1},
    {"pos_weight": ROW_WEIGHT[:, None] + 0.1, "sample_weight": ROW_WEIGHT, "weight": WEIGHT},
    {"sample_weight": ROW_WEIGHT},
    {"weight": WEIGHT, "pos_weight": WEIGHT + 1, "sample_weight": ROW_WEIGHT, "mask": MASK, "temperature": 1.7},
    {"mask": MASK},
    {"mask": MASK[0]},
    {"weight": ROW_WEIGHT[:, None], "mask": MASK, "ignore_index": 1},
    {"weight": RNG.uniform(0, 2, (N, K)), "mask": MASK},
]


@pytest.fixture
def served(monkeypatch):
    """Whatever is asked of the compiled kernels must be served in one pass."""

    def refuse(general):
        def guarded(*arguments, **options):
            assert os.environ.get("XENT_KERNELS") == "numpy", "the general way was taken"
            return general(*arguments, **options)

        return guarded

    for owner, name in ((_pipeline._SoftmaxRows, "_prepare"), (_sigmoid._SigmoidEntries, "_by_definition")):
        monkeypatch.setattr(owner, name, refuse(getattr(owner, name)))


def defined(function, *arguments, **options):
    """Return what NumPy's kernels make of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XENT_KERNELS", "numpy")
        return function(*arguments, **options)


def compare(function, logits, target, **options):
    """Hold value and gradient to the definition, and return them."""
    value, dlogits = xent.value_and_grad(function)(logits, target, **options)
    expected, exact = defined(xent.value_and_grad(function), logits, target, **options)
    dtype, exact = logits.dtype, exact.astype(np.float64)
    assert isinstance(value, float)
    assert dlogits.dtype == dtype
    assert dlogits.strides == np.empty_like(logits).strides
    assert function(logits, target, **options) == value
    error = 1e-13 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(value, expected, rtol=error, atol=0)
    largest = np.max(np.abs(exact), where=np.isfinite(exact), initial=0.0)
    np.testing.assert_array_equal(np.isfinite(dlogits), np.isfinite(exact))
    assert_within(dlogits, exact, error * largest + (ulp(exact, dtype) if dtype == np.float16 else 0.0))
    return value, dlogits


# ---- rows ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("how", REDUCTIONS, ids=str)
@pytest.mark.parametrize("options", OF_ROWS, ids=lambda options: " ".join(options) or "nothing")
@pytest.mark.parametrize("dtype", DTYPES)
def test_rows(dtype, options, how):
    targets = (PROBS, PROBS.astype(np.float32))
    for loss, target in [*product(OF_INDEX, (INDEX, IGNORING)), *product(OF_PROBS, targets)]:
        _, dlogits = compare(loss, LOGITS.astype(dtype), target, **options, **how, temperature=1.3)
        if target is IGNORING:
            assert not dlogits[IGNORING < 0].any()
        if "sample_weight" in options:
            assert not dlogits[ROW_WEIGHT == 0].any()


def test_rows_of_zeros_have_their_closed_form():
    logits = np.zeros((4, 5), np.float32)
    value, dlogits = xent.value_and_grad(xent.cross_entropy)(logits, np.array([0, 1, 4, -100]))
    assert math.isclose(value, math.log(5), rel_tol=1e-7)
    expected = (0.2 - np.eye(5)[[0, 1, 4, 0]]) / 3
    expected[3] = 0.0
    np.testing.assert_allclose(dlogits, expected, rtol=1e-6)
    value, dlogits = xent.value_and_grad(xent.Focal(2.0))(logits, np.array([0, 1, 4, 2]), reduction="sum")
    assert math.isclose(value, 4 * 0.64 * math.log(5), rel_tol=1e-7)
    slope = 0.64 * (1 + 2 * 0.2 * math.log(5) / 0.8)
    np.testing.assert_allclose(dlogits, slope * (0.2 - np.eye(5)[[0, 1, 4, 2]]), rtol=1e-6)


BLOCK = 2 * RNG.normal(size=(6, 5, 8))


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("view", "axis"),
    [
        (lambda z: z, -1),
        (lambda z: z, 0),
        (lambda z: z, 1),
        (np.asfortranarray, 1),
        (lambda z: z[::2, ::-1, 1::3], 2),
        (lambda z: z[::2, ::-1, 1::3], 1),
        (lambda z: z.transpose(2, 0, 1), 0),
        (lambda z: np.broadcast_to(z[:1], z.shape), 1),
        (lambda z: z[0, :, 0], 0),
        (lambda z: np.frombuffer(b"0" + z.tobytes(), np.uint8)[1:].view(z.dtype).reshape(z.shape), 1),
    ],
)
def test_rows_of_any_layout(view, axis, dtype):
    logits = view(BLOCK.astype(dtype))
    rng = np.random.default_rng(1)
    rows = tuple(size for i, size in enumerate(logits.shape) if i != axis % logits.ndim)
    index = rng.integers(0, logits.shape[axis], rows)
    probs = np.moveaxis(rng.dirichlet(np.ones(logits.shape[axis]), rows), -1, axis)
    for loss in (xent.CrossEntropy(label_smoothing=0.1), xent.Focal(1.5)):
        compare(loss, logits, index, axis=axis)
    compare(xent.CrossEntropy(z_loss=0.1), logits, probs, axis=axis, weight=rng.uniform(1, 2, logits.shape[axis]))


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4"]
)
def test_indices_of_any_integer(dtype):
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    for ignore_index in (least - 1, least, 2, most, most + 1, 2**63, -(2**63), -0.5, 1.5):
        target = np.array([0, 3, 2, 6, 1], dtype)
        if isinstance(ignore_index, int) and least <= ignore_index <= most:
            target[1] = ignore_index
        compare(xent.CrossEntropy(), LOGITS[:5], target, ignore_index=ignore_index)
        compare(xent.CrossEntropy(), LOGITS[:5], np.repeat(target, 2)[::2], ignore_index=ignore_index)


@pytest.mark.parametrize("wrong", [-1, 7, -101, 2**62])
def test_what_is_no_class_is_refused_in_the_same_words(wrong):
    target = INDEX.copy()
    target[[5, 9]] = wrong
    for loss in (xent.CrossEntropy(), xent.Focal(2.0)):
        with pytest.raises(TargetError) as compiled:
            xent.value_and_grad(loss)(LOGITS, target)
        with pytest.raises(TargetError) as general:
            defined(loss, LOGITS, target)
        assert str(compiled.value) == str(general.value)
        assert f"got {wrong} at row 5 (2 such rows)" in str(compiled.value)


def test_an_unsigned_index_is_not_what_its_bits_are_as_a_signed_one():
    with pytest.raises(TargetError, match="got 18446744073709551516 at row 0"):
        xent.cross_entropy([[0.0, 1.0]], np.array([2**64 - 100], np.uint64))


HOSTILE = [0.0, 1e4, -1e4, 1e-16, 65504.0, np.inf, -np.inf, np.nan]


@st.composite
def hostile(draw, function):
    """A loss, its options, and logits and targets among which anything may stand."""
    dtype = draw(st.sampled_from(DTYPES))
    n, k = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    numbers = st.one_of(st.sampled_from(HOSTILE), st.floats(-30, 30, width=16))
    logits = np.array(draw(st.lists(numbers, min_size=n * k, max_size=n * k)), dtype).reshape(n, k)
    weights = st.sampled_from([0.0, 0.5, 1.0, 3.0])
    options = {
        "reduction": draw(st.sampled_from(["mean", "sum"])),
        "mean": draw(st.sampled_from(["weighted", "torch"])),
    }
    options["empty"] = draw(st.sampled_from(["nan", "zero"]))
    if draw(st.booleans()):
        options["weight"] = draw(st.lists(weights, min_size=k, max_size=k))
    if draw(st.booleans()):
        options["sample_weight"] = draw(st.lists(weights, min_size=n, max_size=n))
    if function == "softmax":
        rows = np.array(draw(st.lists(st.integers(-1, k - 1), min_size=n, max_size=n)))
        if draw(st.booleans()):
            return draw(st.sampled_from(OF_INDEX[:5])), logits, rows, options | {"ignore_index": -1}
        sharp = np.eye(k)[rows]
        mixed = 0.5 * sharp + 0.5 * np.eye(k)[rows - 1]
        return draw(st.sampled_from(OF_PROBS)), logits, draw(st.sampled_from([sharp, mixed])), options
    if draw(st.booleans()):
        options["pos_weight"] = draw(st.one_of(weights, st.lists(weights, min_size=k, max_size=k)))
    target = draw(st.lists(st.sampled_from([0.0, 0.25, 1.0, -100.0]), min_size=n * k, max_size=n * k))
    target = np.array(target).reshape(n, k)
    if draw(st.booleans()):
        options["mask"] = np.array(draw(st.lists(st.booleans(), min_size=n * k, max_size=n * k))).reshape(n, k)
        target[~options["mask"]] = draw(st.sampled_from([0.5, np.nan, 7.0]))
    of_entries = [*OF_ENTRIES, xent.Focal(2.0, alpha=1.0)]
    return draw(st.sampled_from(of_entries)).binary, logits, target.astype(draw(st.sampled_from(DTYPES))), options


def same_at_the_edges(problem, wide):
    """Hold value and gradient to the definition; the wide are computed in float64."""
    function, logits, target, options = problem
    value, dlogits = xent.value_and_grad(function)(logits, target, **options)
    expected, exact = defined(xent.value_and_grad(function), logits, target, **options)
    np.testing.assert_allclose(value, expected, rtol=1e-12 if wide else 3e-6, atol=1e-30)
    size = np.max(np.abs(exact.astype(np.float64)), where=np.isfinite(exact), initial=0.0)
    error = {np.float64: 1e-12, np.float32: 2e-6, np.float16: 2e-3}[logits.dtype.type]
    np.testing.assert_allclose(
        dlogits.astype(np.float64), exact.astype(np.float64), rtol=error, atol=error * max(1.0, size)
    )


@given(hostile("softmax"))
def test_rows_that_hold_anything(problem):
    same_at_the_edges(problem, wide=problem[1].dtype == np.float64)


@given(hostile("sigmoid"))
def test_entries_that_hold_anything(problem):
    same_at_the_edges(problem, wide=np.float64 in (problem[1].dtype, problem[2].dtype))


# ---- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("how", REDUCTIONS, ids=str)
@pytest.mark.parametrize("options", OF_LABELS, ids=lambda options: " ".join(options) or "nothing")
@pytest.mark.parametrize("dtype", DTYPES)
def test_entries(dtype, options, how):
    for loss, target in product(OF_ENTRIES, (BINARY.astype(bool), LABELS.astype(np.float32))):
        _, dlogits = compare(loss.binary, LOGITS.astype(dtype), target, **options, **how)
        if "mask" in options:
            assert not dlogits[~np.broadcast_to(options["mask"], LOGITS.shape)].any()
        if "sample_weight" in options:
            assert not dlogits[ROW_WEIGHT == 0].any()


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    "dtype",
    [bool, np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64, ">i4", *DTYPES, ">f4", np.longdouble],
)
def test_targets_of_any_type(dtype):
    """And with entries that their value ignores, at all values that they may have."""
    target = BINARY.astype(dtype)
    for ignore_index in (-100, 0, 1):
        compare(xent.CrossEntropy().binary, LOGITS, target, ignore_index=ignore_index)
    if np.dtype(dtype).kind in "if":
        target[::3] = -100
        _, dlogits = compare(xent.Focal(2.0).binary, LOGITS, target, weight=ROW_WEIGHT[:, None])
        assert not dlogits[::3].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", [-0.5, 1.5, 2.0, -100.0, np.inf, -np.inf, np.nan])
def test_a_target_outside_is_refused_wherever_it_is(dtype, wrong):
    target = np.zeros((3, 400), dtype)
    for place in [(0, 0), (1, 7), (2, 399)]:
        target[...] = 0.0
        target[place] = wrong
        with pytest.raises(TargetError, match=rf"got {wrong:g} at \({place[0]}, {place[1]}\)"):
            xent.binary_cross_entropy(np.zeros((3, 400), np.float32), target, ignore_index=-7)
    target[place] = -0.0
    assert xent.binary_cross_entropy(np.zeros((3, 400)), target) == pytest.approx(math.log(2), rel=1e-14)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("of", ["logits", "target", "both"])
def test_entries_of_any_layout(of, dtype):
    def views(array):
        yield array
        yield np.asfortranarray(array)
        yield array.transpose(2, 0, 1)
        yield array[::2, ::-1, 1::3]
        yield np.broadcast_to(array[:, :1], array.shape)
        yield array[0, :, 0]
        yield array[0, 0, 0:1].reshape(())

    target = RNG.random(BLOCK.shape).astype(dtype)
    for logits, view in zip(views(BLOCK.astype(dtype)), views(target), strict=True):
        logits = np.ascontiguousarray(logits).reshape(logits.shape) if of == "target" else logits
        view = np.ascontiguousarray(view).reshape(view.shape) if of == "logits" else view
        compare(xent.Focal(2.0).binary, logits, view)
        compare(xent.CrossEntropy().binary, logits, view, weight=0.5, pos_weight=2.0, normalizer=3)
        if logits.ndim > 0:
            weight = RNG.uniform(0.5, 2, logits.shape[-1])
            rows = RNG.uniform(0.5, 2, logits.shape[:-1] if logits.ndim > 1 else logits.shape)
            compare(xent.CrossEntropy().binary, logits, view, weight=weight, sample_weight=rows, pos_weight=weight[:1])


@pytest.mark.parametrize("size", [1e-60, 1e-30, 1e30, 1e60])
@pytest.mark.parametrize("weights", ["weight", "sample_weight", "pos_weight"])
def test_weights_may_have_any_size(size, weights):
    """What float32 could not say of their products, or of their reciprocals, is not computed in it."""
    logits, target = LOGITS.astype(np.float32), BINARY.astype(np.float32)
    weight = size * (ROW_WEIGHT if weights == "sample_weight" else WEIGHT)
    for function, labels in ((xent.binary_cross_entropy, target), (xent.cross_entropy, INDEX)):
        if weights == "pos_weight" and function is xent.cross_entropy:
            continue
        expected, exact = xent.value_and_grad(function)(LOGITS, labels.astype(INDEX.dtype), **{weights: weight})
        value, dlogits = xent.value_and_grad(function)(logits, labels, **{weights: weight})
        assert math.isclose(value, expected, rel_tol=2e-6)
        with np.errstate(over="ignore"):
            np.testing.assert_allclose(dlogits, exact.astype(np.float32), rtol=1e-4, atol=1e-6 * np.abs(exact).max())


def test_entries_at_zero_have_their_closed_form():
    logits, target = np.zeros((2, 3), np.float32), np.array([[1, 0, 1], [0, 0, 0]])
    value, dlogits = xent.value_and_grad(xent.binary_cross_entropy)(logits, target, pos_weight=3.0)
    assert math.isclose(value, (2 * 3 + 4) * math.log(2) / 6, rel_tol=1e-7)
    np.testing.assert_allclose(dlogits, np.where(target, -1.5, 0.5) / 6, rtol=1e-6)
    value, dlogits = xent.value_and_grad(xent.Focal(2.0, alpha=0.25).binary)(logits, target, reduction="sum")
    assert math.isclose(value, (2 * 0.25 + 4 * 0.75) * math.log(2) / 4, rel_tol=1e-7)
    slope = 0.5**2 * (1 + 2 * math.log(2)) * 0.5
    np.testing.assert_allclose(dlogits, slope * np.where(target, -0.25, 0.75), rtol=1e-6)


# ---- both ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("shape", [(5000, 10), (70, 1000)])
def test_the_same_bits_for_any_number_of_threads(shape, monkeypatch):
    rng = np.random.default_rng(0)
    logits, weight = rng.normal(size=shape).astype(np.float32), rng.uniform(0.5, 2, shape[0])
    index, probs = rng.integers(0, shape[1], shape[0]), rng.dirichlet(np.ones(shape[1]), shape[0])
    asked = [
        (xent.CrossEntropy(label_smoothing=0.1), index),
        (xent.Focal(2.0), index),
        (xent.CrossEntropy(), probs),
        (xent.Focal(2.0).binary, probs),
    ]
    for function, target in asked:
        found = set()
        for threads in (1, 2, 5):
            monkeypatch.setattr(native, "threads", lambda threads=threads: threads)
            value, dlogits = xent.value_and_grad(function)(logits, target, sample_weight=weight)
            found.add((value, function(logits, target, sample_weight=weight), dlogits.tobytes()))
        assert len(found) == 1


@pytest.mark.parametrize("first", [2.0**53, 1e17, np.inf])
def test_small_losses_are_not_lost_beside_a_large_one(first):
    """Each is below half an ulp of the first."""
    logits = np.zeros((3000, 2))
    logits[0, 0] = -first if first < np.inf else -1e308
    logits[0, 1] = 0.0 if first < np.inf else 1e308
    expected = math.fsum([first, *[math.log(2.0)] * 2999])
    assert xent.cross_entropy(logits, np.zeros(3000, int), reduction="sum") == expected
    entries = np.full((3000, 1024), 1e4)  # whose loss is 0, but for one in each part that is summed alone
    entries[:, 0] = 0.0
    entries[0, 0] = -first
    assert xent.binary_cross_entropy(entries, np.ones(entries.shape, bool), reduction="sum") == expected


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("kind", ["index", "probs", "entries", "booleans", "focal"])
def test_nothing_of_the_size_of_the_logits_is_made_but_the_gradient(kind):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(500, 2000)).astype(np.float32)
    function, target = {
        "index": (xent.cross_entropy, rng.integers(0, 2000, 500)),
        "probs": (xent.cross_entropy, np.full(logits.shape, 1 / 2000, np.float32)),
        "focal": (xent.Focal(2.0), rng.integers(0, 2000, 500)),
        "entries": (xent.binary_cross_entropy, rng.random(logits.shape).astype(np.float32)),
        "booleans": (xent.binary_cross_entropy, rng.random(logits.shape) < 0.5),
    }[kind]
    for run, most in ((function, 0.1), (xent.value_and_grad(function), 1.1)):
        run(logits, target)
        tracemalloc.start()
        try:
            run(logits, target)
            assert tracemalloc.get_traced_memory()[1] < most * logits.nbytes
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("empty", ["nan", "zero"])
def test_a_mean_over_nothing(empty):
    expected = {"nan": math.nan, "zero": 0.0}[empty]
    poison = np.full((3, 4), np.nan, np.float32)
    probs, none = np.full((3, 4), 0.25), np.full(3, -100)
    both, binary = ("weighted", "torch"), xent.CrossEntropy().binary
    asked = [
        (xent.CrossEntropy(), none, {}, both),
        (xent.Focal(2.0), none, {}, both),
        (xent.CrossEntropy(), np.zeros(3, int), {"sample_weight": np.zeros(3)}, both),
        (xent.CrossEntropy(), probs, {"sample_weight": np.zeros(3)}, both),
        (xent.CrossEntropy(), probs, {"weight": np.zeros(4)}, ("weighted",)),  # torch counts rows and entries
        (binary, np.full((3, 4), -100), {}, both),
        (binary, probs, {"mask": np.zeros((3, 4), bool), "weight": np.ones(4)}, both),
        (binary, probs, {"weight": np.zeros((3, 1))}, ("weighted",)),
    ]
    for function, target, options, means in asked:
        for mean in means:
            value, dlogits = xent.value_and_grad(function)(poison, target, empty=empty, mean=mean, **options)
            np.testing.assert_equal(value, expected)
            np.testing.assert_array_equal(dlogits, np.zeros((3, 4), np.float32), strict=True)
