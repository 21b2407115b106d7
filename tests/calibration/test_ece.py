"""The errors of arrays: by hand, in closed form, on real networks, against other libraries, and what is refused."""

import math
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from xent import DtypeError, OptionError, ShapeError, TargetError
from xent.calibration import calibration_error, ece, mce

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"


def rows_for_peers():
    """1000 rows of four classes, half of them of the predicted class and the others of any."""
    random = np.random.default_rng(7)
    z = random.normal(size=(1000, 4)) * 2
    p = np.exp(z)
    p /= p.sum(1, keepdims=True)
    y = random.integers(0, 4, 1000)
    return np.where(random.random(1000) < 0.5, p.argmax(1), y), p


# By hand and in closed form ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_last_bin_holds_one(dtype):
    # torchmetrics 1.9 gives confidence 1.0 a bin of its own, and .525. In float16 .95 is .9502.
    y_prob = np.array([[0.05, 0.95], [0.0, 1.0]], dtype)
    stated = float(y_prob[0, 1])
    assert ece([1, 0], y_prob, n_bins=10) == pytest.approx((stated + 1) / 2 - 0.5, abs=1e-15)
    assert ece([1, 0], y_prob.astype(np.float64)[:, 1], n_bins=10, kind="binary") == ece([1, 0], y_prob, n_bins=10)


def test_the_three_kinds_by_hand():
    y, p = [0, 1, 0], [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]]
    # Two bins. Top label: .9 right, .8 wrong, .7 wrong: |1/3 - .8|.
    assert ece(y, p, n_bins=2) == pytest.approx(0.8 - 1 / 3, abs=1e-15)
    # Class 1: .1 and .2 with one of two rows, .7 with none of one; class 0 is its mirror image.
    of_one = 2 / 3 * abs(0.5 - 0.15) + 1 / 3 * 0.7
    assert ece(y, np.array(p)[:, 1], n_bins=2, kind="binary") == pytest.approx(of_one, abs=1e-15)
    assert ece(y, p, n_bins=2, kind="classwise") == pytest.approx(of_one, abs=1e-15)
    assert mce(y, p, n_bins=2, kind="classwise") == pytest.approx(0.7, abs=1e-15)
    assert mce(y, p, n_bins=2) == pytest.approx(0.8 - 1 / 3, abs=1e-15)
    square = 2 / 3 * 0.35**2 + 1 / 3 * 0.7**2
    assert ece(y, p, n_bins=2, kind="classwise", norm="l2") == pytest.approx(math.sqrt(square), abs=1e-15)


def test_of_equal_probabilities_the_first_class_is_meant():
    assert ece([0, 0], [[0.5, 0.5], [0.5, 0.5]]) == 0.5
    assert ece([1, 1], [[0.5, 0.5], [0.5, 0.5]]) == 0.5
    assert ece([0, 1], [[0.5, 0.5], [0.5, 0.5]]) == 0.0


@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_squares_of_uniform_probabilities(n_bins):
    # p ~ U(0,1), P(Y=1) = p², by quadrature: each p once right with weight p², once wrong with weight 1 - p².
    m = 3000
    p = (np.arange(m) + 0.5) / m
    y, twice, weight = np.repeat([1, 0], m), np.concatenate([p, p]), np.concatenate([p**2, 1 - p**2])
    found = calibration_error(y, twice, kind="binary", n_bins=n_bins, sample_weight=weight)
    assert found.ece.value == pytest.approx(1 / 6, abs=1e-7)
    edge = np.arange(n_bins + 1) / n_bins
    gap = np.diff(edge**2 / 2 - edge**3 / 3) * n_bins
    of_bins = np.mean(gap**2)  # 1/30 less what the bins hide
    assert ece(y, twice, kind="binary", n_bins=n_bins, norm="l2", sample_weight=weight) ** 2 == pytest.approx(
        of_bins, abs=1e-7
    )
    assert 1 / 30 - of_bins == pytest.approx(np.var(p - p**2) if n_bins == 1 else 1 / (36 * n_bins**2), rel=0.05)


def test_equal_mass_never_parts_equal_probabilities():
    p = np.array([0.1, 0.2, 0.2, 0.2, 0.2, 0.9])
    y = np.array([0, 0, 0, 1, 0, 1])
    found = calibration_error(y, p, kind="binary", n_bins=3, strategy="mass")
    # Fewer rows are below: 0, 1 (four rows), 5 of 6: bins 0, 0 and 2.
    assert found.weight.tolist() == [5, 0, 1]
    assert found.low[[0, 2]].tolist() == [0.1, 0.9]
    assert found.high[[0, 2]].tolist() == [0.2, 0.9]
    assert np.isnan(found.accuracy[1])
    assert found.ece.value == pytest.approx(5 / 6 * abs(0.2 - 0.18) + 1 / 6 * 0.1, abs=1e-15)
    without = calibration_error(y, p, kind="binary", n_bins=3, strategy="mass", sample_weight=[0, 1, 1, 1, 1, 1])
    assert without.low[0] == 0.2


def test_equal_mass_is_equal():
    random = np.random.default_rng(1)
    p = random.random(1501)
    found = calibration_error(random.integers(0, 2, 1501), p, kind="binary", strategy="mass")
    assert set(found.weight) == {100.0, 101.0}
    assert (found.low[1:] > found.high[:-1]).all()


def test_no_rows_have_no_error():
    for kind, shape in (("top-label", (0, 3)), ("classwise", (0, 3)), ("binary", (0,))):
        for strategy in ("width", "mass"):
            assert math.isnan(ece([], np.zeros(shape), kind=kind, strategy=strategy))
            assert math.isnan(ece([], np.zeros(shape), kind=kind, strategy=strategy, norm="l2", debiased=True))
            assert math.isnan(mce([], np.zeros(shape), kind=kind, strategy=strategy))
            assert calibration_error([], np.zeros(shape), kind=kind, strategy=strategy).ece.reason == "no rows"
    assert math.isnan(ece([1], [0.3], kind="binary", strategy="mass", sample_weight=[0]))


# On real networks, and against other libraries -----------------------------------------------------------------------


def test_a_real_network():
    path = SHARED / "wideresnet-16-4-cifar-10.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: it is never committed")
    data = np.load(path)
    y, p = data["ground_truth"], data["predictions"]
    assert ece(y, p) == pytest.approx(0.053716, abs=5e-7)
    assert ece(y, p, strategy="mass") == pytest.approx(0.053716, abs=5e-7)
    assert ece(y, p, kind="classwise") == pytest.approx(0.012427, abs=5e-7)
    assert mce(y, p) == pytest.approx(0.262389, abs=5e-7)
    # Of ten classes chance makes little of .0124.
    found = calibration_error(y, p, kind="classwise")
    assert found.ece.low > found.null_95
    assert found.confidence.shape == (10, 15)


# torchmetrics 1.9.0 on float64 tensors of rows_for_peers, which has no probability of 1: binary_calibration_error of
# (p.max(1), y == p.argmax(1)) and of (p[:, 1], y == 1), n_bins=…, norm=…. Its multiclass_calibration_error makes the
# former float32 and says 0.146295964717865 for the first.
TORCHMETRICS = [
    (10, "l1", 0.1462960796310436, 0.10468498596024457),
    (10, "l2", 0.16367559435562962, 0.11964886494313551),
    (10, "max", 0.2599152865193892, 0.2758081111493158),
    (15, "l1", 0.13499481977142969, 0.09881650153689482),
    (15, "l2", 0.16696255290267223, 0.11843084736373537),
    (15, "max", 0.3120364127892654, 0.31219498143307867),
]


@pytest.mark.parametrize(("n_bins", "norm", "top", "binary"), TORCHMETRICS)
def test_torchmetrics_agrees(n_bins, norm, top, binary):
    y, p = rows_for_peers()
    options = {"n_bins": n_bins} if norm == "max" else {"n_bins": n_bins, "norm": norm}
    function = mce if norm == "max" else ece
    assert function(y, p, **options) == pytest.approx(top, abs=1e-10)
    assert function(y == 1, p[:, 1], kind="binary", **options) == pytest.approx(binary, abs=1e-10)


def test_netcal_agrees():
    # netcal 1.4.0: ECE(bins).measure(p[:, 1], y == 1), ECE(10).measure(p, y), ECE(10, equal_intervals=False)….
    y, p = rows_for_peers()
    assert ece(y == 1, p[:, 1], kind="binary", n_bins=10) == pytest.approx(0.10468498596024459, abs=1e-10)
    assert ece(y == 1, p[:, 1], kind="binary") == pytest.approx(0.09881650153689482, abs=1e-10)
    assert ece(y, p, n_bins=10) == pytest.approx(0.1462960796310436, abs=1e-10)
    assert ece(y, p, n_bins=10, strategy="mass") == pytest.approx(0.14833458212375358, abs=1e-10)


@pytest.mark.parametrize(("strategy", "name"), [("width", "uniform"), ("mass", "quantile")])
def test_scikit_learn_has_the_same_bins(strategy, name):
    y, p = rows_for_peers()
    observed, stated = calibration_curve(y == 1, p[:, 1], n_bins=20, strategy=name)
    found = calibration_error(y == 1, p[:, 1], kind="binary", n_bins=20, strategy=strategy)
    filled = found.weight > 0
    assert found.accuracy[filled] == pytest.approx(observed, abs=1e-12)
    assert found.confidence[filled] == pytest.approx(stated, abs=1e-12)


# Properties ----------------------------------------------------------------------------------------------------------

OPTIONS = [(kind, strategy) for kind in ("top-label", "classwise", "binary") for strategy in ("width", "mass")]


def rounded_rows(seed, n, kind):
    """Rows with many ties, and probabilities on edges."""
    random = np.random.default_rng(seed)
    p = random.multinomial(10, [0.5, 0.3, 0.2], n) / 10
    y = random.integers(0, 3, n)
    return (y == 1, p[:, 1]) if kind == "binary" else (y, p)


@pytest.mark.parametrize(("kind", "strategy"), OPTIONS)
@settings(max_examples=25)
@given(seed=st.integers(0, 1000), n=st.integers(1, 40), n_bins=st.integers(1, 12))
def test_order_and_repetition(kind, strategy, seed, n, n_bins):
    options = {"kind": kind, "strategy": strategy, "n_bins": n_bins}
    y, p = rounded_rows(seed, n, kind)
    random = np.random.default_rng(seed + 1)
    value, order = ece(y, p, **options), random.permutation(n)
    assert ece(y[order], p[order], **options) == value  # to the bit
    assert 0 <= ece(y, p, debiased=True, **options) <= value + 1e-12
    # |a mean| is at most the mean of its parts, and the mean at most the largest
    assert value <= mce(y, p, kind=kind, strategy=strategy, n_bins=n_bins) + 1e-12
    weight = random.integers(0, 4, n)
    again = np.repeat(np.arange(n), weight)
    for norm in ("l1", "l2"):
        weighted = ece(y, p, sample_weight=weight, norm=norm, **options)
        assert weighted == pytest.approx(ece(y[again], p[again], norm=norm, **options), abs=1e-12, nan_ok=True)


def test_two_classes_are_one_question():
    y, p = rounded_rows(3, 200, "binary")
    both = np.column_stack([1 - p, p])
    # An odd number of bins is its own mirror image where no probability lies on an edge.
    assert ece(y, both, kind="classwise", n_bins=7) == pytest.approx(ece(y, p, kind="binary", n_bins=7), abs=1e-15)
    found = calibration_error(y, both, kind="classwise", n_bins=7)
    of_one = calibration_error(y, p, kind="binary", n_bins=7)
    assert found.null_95 == pytest.approx(of_one.null_95, rel=0.1)
    assert found.ece.low == pytest.approx(of_one.ece.low, abs=0.01)
    assert found.ece.high == pytest.approx(of_one.ece.high, abs=1e-12)
    assert found.ece.n == of_one.ece.n == 200


def test_large_tables_go_in_pieces():
    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(30), 20_000).astype(np.float32)
    y = random.integers(0, 30, 20_000)
    top = p.max(axis=1).astype(float)
    index = np.digitize(top, np.arange(1, 15) / 15)
    gaps = np.bincount(index, (p.argmax(axis=1) == y) - top)
    assert ece(y, p) == pytest.approx(np.abs(gaps).sum() / 20_000, abs=1e-14)
    by_class = [ece(y == k, p[:, k], kind="binary") for k in range(30)]
    assert ece(y, p, kind="classwise") == pytest.approx(np.mean(by_class), abs=1e-15)
    by_class = [ece(y == k, p[:, k], kind="binary", strategy="mass") for k in range(30)]
    assert ece(y, p, kind="classwise", strategy="mass") == pytest.approx(np.mean(by_class), abs=1e-15)


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y_true", "y_prob", "options", "error", "words"),
    [
        ([1], [0.5], {}, ShapeError, r"y_prob must have shape \(rows, classes ≥ 2\) for kind='top-label'; got \(1,\)"),
        ([1], [0.5], {}, ShapeError, r"hint: one number a row is for kind='binary'"),
        ([0], [[1.0]], {"kind": "classwise"}, ShapeError, r"kind='classwise'; got \(1, 1\)"),
        ([1], [[0.5, 0.5]], {"kind": "binary"}, ShapeError, r"y_prob must have shape \(rows,\) for kind='binary'"),
        ([1], [[0.5, 0.5]], {"kind": "binary"}, ShapeError, r"pass the column of class 1, y_prob\[:, 1\]"),
        ([[0.5, 0.5]], [[0, 1]], {}, ShapeError, r"y_true must have shape \(1,\).*got \(1, 2\)\n\nhint: the order is"),
        ([0, 1], [[0.5, 0.5]], {}, ShapeError, r"y_true must have shape \(1,\), one class index a row of y_prob"),
        ([0.0], [[0.5, 0.5]], {}, DtypeError, "y_true must be class indices, integers; got dtype float64"),
        ([2], [[0.5, 0.5]], {}, TargetError, r"y_true must lie in \[0, 1\]; got 2 at row 0 \(1 such rows\)"),
        ([-1], [0.5], {"kind": "binary"}, TargetError, r"y_true must lie in \[0, 1\]; got -1 at row 0"),
        ([1, 1], [[0.5, 0.5], [3.0, 1.0]], {}, TargetError, "must be non-negative and sum to 1.*sum of 4 at row 1"),
        ([1], [[np.nan, 1.0]], {}, TargetError, "must be non-negative and sum to 1.*got nan at row 0"),
        ([1, 0], [0.5, np.nan], {"kind": "binary"}, OptionError, r"y_prob must lie in \[0, 1\]; got nan at row 1"),
        ([1, 0], [0.5, 1.5], {"kind": "binary"}, OptionError, r"got 1.5 at row 1 \(1 such rows\)"),
        ([1], [[0.5, 0.5]], {"kind": "top"}, OptionError, "kind must be 'top-label', 'classwise' or 'binary'"),
        ([1], [[0.5, 0.5]], {"strategy": "uniform"}, OptionError, "strategy must be 'width' or 'mass'"),
        ([1], [[0.5, 0.5]], {"norm": "max"}, OptionError, "norm must be 'l1' or 'l2'; got 'max'"),
        ([1], [[0.5, 0.5]], {"n_bins": 0}, OptionError, "n_bins must be an integer ≥ 1; got 0"),
        ([1], [[0.5, 0.5]], {"n_bins": True}, OptionError, "n_bins must be an integer ≥ 1; got True"),
        ([1], [[0.5, 0.5]], {"n_bins": 2.5}, OptionError, "n_bins must be an integer ≥ 1; got 2.5"),
        ([1], [[0.5, 0.5]], {"sample_weight": [-1]}, OptionError, "sample_weight must be finite and not negative"),
        ([1], [[0.5, 0.5]], {"sample_weight": [1, 2]}, ShapeError, r"sample_weight must have shape \(1,\)"),
    ],
)
def test_bad_input_is_refused(y_true, y_prob, options, error, words):
    with pytest.raises(error, match=f"(?s)^ece: .*{words}|^ece: {words}"):
        ece(y_true, y_prob, **options)


def test_messages_name_the_function():
    with pytest.raises(ShapeError, match=r"^mce: y_prob must"):
        mce([1], [0.5])
    with pytest.raises(ShapeError, match=r"^calibration_error: y_prob must"):
        calibration_error([1], [0.5])
