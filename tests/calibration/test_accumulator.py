"""The accumulated calibration error: exact counts, parts that add up to the bit, logits, states, processes."""

import datetime
import io
import itertools
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent import DtypeError, OptionError, ShapeError, TargetError
from xent.calibration import CalibrationError, calibration_error, ece
from xent.kernels import backend_for

KINDS = ["top-label", "classwise", "binary"]


def rows(kind, n=500, k=4, seed=0):
    random = np.random.default_rng(seed)
    y, p = random.integers(0, k, n), random.dirichlet(np.ones(k), n)
    return (y == 1, p[:, 1]) if kind == "binary" else (y, p)


def same(one, other):
    """Whether two results are equal to the bit."""
    for name in one.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_forty_million_rows_are_counted():
    # In float32 a count stops at 2^24: torchmetrics says 0 of confidence .7 and accuracy .5 at n = 4e7.
    metric = CalibrationError().update([0] * 5 + [1] * 5, [[0.7, 0.3]] * 10)
    for _ in range(22):
        metric.merge(metric)
    found = metric.compute()
    assert found.ece.n == 10 * 2**22
    assert found.weight.sum() == 41_943_040
    assert found.ece.value == pytest.approx(0.2, abs=1e-15)
    assert found.ece.low == pytest.approx(0.2, abs=2e-4)


def test_counts_and_confidences_are_integers():
    p = np.array([0.7, 0.1, 2.0**-56, 1.0])
    state = CalibrationError(n_bins=1, kind="binary").update([1, 0, 0, 1], p).state()
    assert state["counts"].dtype == np.int64
    n, right, upper, lower = (int(x) for x in state["counts"][:, 0, 0])
    assert (n, right) == (4, 2)
    exact = sum(round(x * 2**56) for x in p.tolist())  # Python's integers: p is a multiple of 2^-56
    assert upper * 2**28 + lower == exact


@pytest.mark.parametrize("kind", KINDS)
def test_the_function_and_the_accumulator_are_one(kind):
    y, p = rows(kind)
    same(CalibrationError(7, kind).update(y, p).compute(seed=3), calibration_error(y, p, n_bins=7, kind=kind, seed=3))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 500), max_size=5), seed=st.integers(0, 99))
def test_parts_in_any_order_are_the_whole_to_the_bit(kind, cuts, seed):
    y, p = rows(kind)
    order = np.random.default_rng(seed).permutation(500)
    bounds = [0, *sorted(cuts), 500]
    parts = [CalibrationError(kind=kind).update(y[order[a:b]], p[order[a:b]]) for a, b in itertools.pairwise(bounds)]
    left = CalibrationError(kind=kind)
    for part in parts:
        left.merge(part)
    right = CalibrationError(kind=kind)
    for part in reversed(parts):
        right = CalibrationError.from_state(part.state()).merge(right)
    whole = CalibrationError(kind=kind).update(y, p)
    for metric in (left, right):
        np.testing.assert_array_equal(metric.state()["counts"], whole.state()["counts"])
    assert not left.state()["sums"].any()  # so that all of the result follows from the counts


@pytest.mark.parametrize("kind", KINDS)
def test_weighted_parts_are_the_whole(kind):
    y, p = rows(kind)
    weight = np.random.default_rng(1).exponential(size=500)
    weight[:3] = 0
    whole = CalibrationError(kind=kind).update(y, p, weight)
    parts = CalibrationError(kind=kind).update(y[:99], p[:99], weight[:99]).update(y[99:], p[99:], weight[99:])
    np.testing.assert_allclose(parts.state()["sums"], whole.state()["sums"], rtol=1e-13)
    same(whole.compute(), calibration_error(y, p, kind=kind, sample_weight=weight))
    assert whole.compute().ece.n == pytest.approx(weight.sum() ** 2 / (weight**2).sum())
    # Rows with and without weights go together.
    mixed = CalibrationError(kind=kind).update(y[:99], p[:99]).update(y[99:], p[99:], np.full(401, 2.0))
    weight = np.repeat([1.0, 2.0], [99, 401])
    assert mixed.compute().ece.value == pytest.approx(ece(y, p, kind=kind, sample_weight=weight), abs=1e-14)


# Logits --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_their_probabilities(kind, temperature, dtype):
    random = np.random.default_rng(0)
    z = (random.normal(size=(70_000, 5)) * 2).astype(dtype)
    y = random.integers(0, 5, len(z))
    if kind == "binary":
        z, y = z[:, 0], y == 0
        p = 1 / (1 + np.exp(-z.astype(np.float64) / temperature))
    else:
        e = np.exp(z.astype(np.float64) / temperature)
        p = e / e.sum(axis=1, keepdims=True)
    found = CalibrationError(kind=kind).update_logits(y, z, temperature).compute()
    expected = calibration_error(y, p, kind=kind)
    # Classwise the probabilities of float16 logits are float16, and fall on the other side of an edge now and then.
    tolerance = 2e-3 if dtype == np.float16 and kind == "classwise" else 1e-5
    assert found.ece.value == pytest.approx(expected.ece.value, abs=tolerance)
    assert found.mce == pytest.approx(expected.mce, abs=10 * tolerance)


def test_logits_between_0_and_1_stay_logits():
    # torchmetrics reads a batch of such logits as probabilities.
    z = np.array([[0.9, 0.1], [0.6, 0.4]])
    confidence = 1 / (1 + np.exp([-0.8, -0.2]))
    metric = CalibrationError(n_bins=1).update_logits([0, 0], z)
    assert metric.compute().ece.value == pytest.approx(1 - confidence.mean(), abs=1e-12)
    many = CalibrationError(n_bins=1).update_logits([0], z[:1]).update_logits([0], z[1:])
    assert many.compute().ece.value == metric.compute().ece.value


def test_a_class_at_minus_infinity_has_probability_0():
    metric = CalibrationError(n_bins=2).update_logits([0, 1], [[3.0, -np.inf], [3.0, -np.inf]])
    assert metric.compute().ece.value == 0.5
    one = CalibrationError(n_bins=2, kind="binary").update_logits([1, 1], [np.inf, -np.inf])
    assert one.compute().ece.value == 0.5
    assert one.compute().mce == 1.0


def test_memory_does_not_grow_with_the_rows():
    random = np.random.default_rng(0)
    z, y = random.standard_normal((800_000, 10), np.float32), random.integers(0, 10, 800_000)
    metric = CalibrationError()
    tracemalloc.start()
    metric.update_logits(y, z)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (8e6 if backend_for(z).name == "native" else 25e6)  # the logits have 32 MB


def test_an_update_that_raises_adds_nothing():
    metric = CalibrationError()
    z = np.zeros((100_000, 3))
    z[-1] = np.nan
    with pytest.raises(OptionError, match="got nan as the largest at row 99999"):
        metric.update_logits(np.zeros(100_000, int), z)
    assert metric.compute().ece.reason == "no rows"


# States --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_states_go_through_files(kind):
    y, p = rows(kind)
    metric = CalibrationError(9, kind).update(y[:300], p[:300]).update(y[300:], p[300:], np.linspace(0, 1, 200))
    file = io.BytesIO()
    np.savez(file, **metric.state())
    file.seek(0)
    with np.load(file) as stored:  # which refuses pickles
        again = CalibrationError.from_state(dict(stored))
    same(again.compute(), metric.compute())
    same(pickle.loads(pickle.dumps(metric)).compute(), metric.compute())
    metric.update(y, p)
    assert again.compute().ece.n < metric.compute().ece.n  # they share nothing


@pytest.mark.parametrize("kind", KINDS)
def test_empty_ones(kind):
    y, p = rows(kind)
    full = CalibrationError(kind=kind).update(y, p)
    expected = full.compute()
    empty = CalibrationError.from_state(CalibrationError(kind=kind).state())
    same(CalibrationError(kind=kind).merge(full).compute(), expected)
    same(full.merge(empty).compute(), expected)
    assert math.isnan(empty.compute().ece.value)
    full.reset()
    assert full.compute().ece.reason == "no rows"
    assert full.update(y[:7], p[:7]).compute().ece.n == 7
    full.reset()
    if kind != "binary":  # classes are taken anew
        assert full.update([1], [[0.5, 0.5]]).n_classes == 2


def reduce_in_process(rank, file, results):
    import torch.distributed

    wait = datetime.timedelta(seconds=60)
    torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2, timeout=wait)
    y, p = rows("classwise")
    mine = CalibrationError(kind="classwise")
    if rank == 1:  # the other has seen no rows, and knows no classes
        mine.update(y, p).update(y, p, np.ones(len(y)))
    total = mine.all_reduce().all_reduce()  # twice: all have all, then each row is there twice
    results.put((mine.state()["counts"].sum(), total.state()))
    torch.distributed.destroy_process_group()


def test_processes_reduce(tmp_path):
    spawn = pytest.importorskip("torch.multiprocessing").get_context("spawn")
    first, second = spawn.SimpleQueue(), spawn.SimpleQueue()
    other = spawn.Process(target=reduce_in_process, args=(1, tmp_path / "store", second))
    other.start()
    reduce_in_process(0, tmp_path / "store", first)
    got = [first.get(), second.get()]
    other.join(60)
    assert other.exitcode == 0
    y, p = rows("classwise")
    once = CalibrationError(kind="classwise").update(y, p).update(y, p, np.ones(len(y))).state()
    assert [seen for seen, _ in got] == [0, once["counts"].sum()]  # what they have themselves is as it was
    for _, state in got:
        np.testing.assert_array_equal(state["counts"], 2 * once["counts"])
        np.testing.assert_array_equal(state["sums"], 2 * once["sums"])


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_bins": 0}, "n_bins must be an integer ≥ 1; got 0"),
        ({"kind": "multiclass"}, "kind must be 'top-label', 'classwise' or 'binary'; got 'multiclass'"),
        (
            {"strategy": "mass"},
            r"strategy must be 'width'; got 'mass': bins (.|\n)*calibration_error\(…, strategy='mass'",
        ),
        ({"n_classes": 1}, "n_classes must be None or an integer ≥ 2; got 1"),
        ({"n_classes": 3, "kind": "binary"}, "n_classes must be None or 2 for kind='binary'; got 3"),
    ],
)
def test_options_are_refused(options, words):
    with pytest.raises(OptionError, match=f"^CalibrationError: {words}"):
        CalibrationError(**options)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m.update([1], [[3.0, 1.0]]), TargetError, "update: y_prob must be non-negative and sum to 1"),
        (lambda m: m.update([1], [0.5]), ShapeError, r"update: y_prob must have shape \(rows, classes ≥ 2\)"),
        (lambda m: m.update([0.5], [[0.5, 0.5]]), DtypeError, "update: y_true must be class indices"),
        (lambda m: m.update([1], [[0.2] * 5]), ShapeError, r"update: y_prob must have shape \(rows, 3\), as the rows"),
        (lambda m: m.update_logits([1], [0.5]), ShapeError, r"update_logits: logits must have shape \(rows, classes"),
        (
            lambda m: m.update_logits([3], [[0.5] * 3]),
            TargetError,
            r"update_logits: y_true must lie in \[0, 2\]; got 3",
        ),
        (lambda m: m.update_logits([1], [[0.5] * 2]), ShapeError, r"update_logits: logits must have shape \(rows, 3\)"),
        (lambda m: m.update_logits([1], [[0.5] * 3], 0.0), OptionError, "temperature must be a finite number above 0"),
        (lambda m: m.update_logits([1], [[0, np.inf, 0]]), OptionError, "got inf as the largest at row 0"),
        (lambda m: m.update_logits([1], [[-np.inf] * 3]), OptionError, "got -inf as the largest at row 0"),
        (lambda m: m.merge(CalibrationError(7)), OptionError, "merge: other must have n_bins=15.*got 7, 'top-label'"),
        (lambda m: m.merge(CalibrationError(kind="binary")), OptionError, "merge: other must .*got 15, 'binary'"),
        (lambda m: m.merge(CalibrationError(n_classes=4)), OptionError, "and n_classes=3; got 15, 'top-label' and 4"),
        (lambda m: m.merge(3), DtypeError, "merge: other must be a CalibrationError; got int"),
        (lambda m: m.from_state({"kind": "binary"}), OptionError, "from_state: state must hold 'n_classes'; it is"),
        (
            lambda m: m.from_state(m.state() | {"sums": np.zeros((4, 2, 15))}),
            ShapeError,
            r"from_state: counts and sums must have shape \(4, 1, 15\); got \(4, 1, 15\) and \(4, 2, 15\)",
        ),
    ],
)
def test_bad_rows_and_parts_are_refused(call, error, words):
    metric = CalibrationError().update([1], [[0.2, 0.3, 0.5]])
    before = metric.compute()
    with pytest.raises(error, match=words) as caught:
        call(metric)
    assert str(caught.value).startswith("CalibrationError.")
    same(metric.compute(), before)


def test_nan_is_refused_for_every_kind():
    with pytest.raises(OptionError, match="got nan as the largest at row 1"):
        CalibrationError(kind="classwise").update_logits([0, 0], [[0.0, 1.0], [np.nan, 0.0]])
    with pytest.raises(OptionError, match="got nan as the largest at row 1"):
        CalibrationError(kind="binary").update_logits([0, 0], [0.0, np.nan])


def test_sums_that_might_overflow_are_refused():
    metric = CalibrationError().update([0] * 4, [[1.0, 0.0]] * 4)
    for _ in range(32):
        metric.merge(metric)
    assert metric.compute().confidence[-1] == 1.0
    assert metric.compute().weight[-1] == 2**34
    metric.merge(metric)
    with pytest.raises(OptionError, match=r"^CalibrationError\.merge: a bin must have at most 17179869184 rows"):
        metric.merge(metric)
