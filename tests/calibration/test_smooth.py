"""Smooth calibration error against closed forms, direct quadrature of its definition, and simulation."""

import math
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.calibration.smooth import smooth_ece
from xent.errors import DtypeError, OptionError, ShapeError, TargetError

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"


def by_definition(y, p, sigma, weight=None, points=40001):
    """∫ |Σ w K(t, p) (y - p)| dt, every row and every reflection by itself."""
    y, p = np.asarray(y, float), np.asarray(p, float)
    weight = np.ones(len(p)) if weight is None else weight
    t = np.linspace(0.0, 1.0, points)
    density = np.zeros(points)
    for image in range(-6, 7):
        for sign in (1.0, -1.0):
            distance = (t[:, None] - (2 * image + sign * p)) / sigma
            density += np.exp(-0.5 * distance**2) @ (weight * (y - p))
    density /= sigma * math.sqrt(2 * math.pi) * weight.sum()
    return float(np.trapezoid(np.abs(density), t))


def gaps_by_level(y, p):
    """E|p - frequency at p|."""
    levels, place = np.unique(p, return_inverse=True)
    return np.abs(np.bincount(place, np.asarray(y, float) - p, len(levels))).sum() / len(p)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_mass_at_the_boundary_counts_whole(dtype):
    # Half the rows at 1.0, all right; half at .5 of which 70 % are right: ½ · .2 whatever the bandwidth.
    p = np.repeat([1.0, 0.5], 500).astype(dtype)
    y = np.repeat([1, 1, 0], [500, 350, 150])
    result = smooth_ece(y, p)
    assert result.smooth_ece.value == pytest.approx(0.1, abs=1e-12)
    assert result.bandwidth == pytest.approx(0.1, abs=1e-12)
    for bandwidth in (1e-4, 0.03, 0.5, 2.0):
        assert smooth_ece(y, p, bandwidth=bandwidth).smooth_ece.value == pytest.approx(0.1, abs=1e-12)


@pytest.mark.parametrize("edge", [0.0, 1.0])
def test_residuals_at_the_boundary_itself(edge):
    # Ten rows surely one thing, three of them the other: the density near an edge is whole, not halved.
    y = np.full(10, int(edge))
    y[:3] = 1 - int(edge)
    for bandwidth in (0.01, 0.3):
        assert smooth_ece(y, np.full(10, edge), bandwidth=bandwidth).smooth_ece.value == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize("sigma", [1.0, 0.2, 0.03, 0.004, 0.0015, 0.0005])
@pytest.mark.parametrize("weighted", [False, True])
def test_is_the_integral_of_its_definition(sigma, weighted):
    random = np.random.default_rng(3)
    p = np.concatenate([random.random(25), [0.0, 1.0, 0.5, 0.5, 0.999]])
    y = random.random(len(p)) < 0.5
    weight = random.exponential(size=len(p)) if weighted else None
    got = smooth_ece(y, p, bandwidth=sigma, sample_weight=weight).smooth_ece.value
    assert got == pytest.approx(by_definition(y, p, sigma, weight), rel=2e-6)


@pytest.mark.parametrize("n", [1, 7, 60])
def test_the_bandwidth_is_the_fixed_point(n):
    random = np.random.default_rng(n)
    p, y = random.random(n), random.random(n) < 0.5
    result = smooth_ece(y, p)
    assert result.smooth_ece.value == result.bandwidth
    assert by_definition(y, p, result.bandwidth) == pytest.approx(result.bandwidth, rel=1e-5)


def test_one_sign_is_the_mean_error():
    # P(Y=1) = p² is below p everywhere: ∫ (p - p²) dp = 1/6 under any smoothing. 200,000 rows at the quantiles of
    # p, with weights for the outcomes, leave no noise.
    p = np.repeat((np.arange(100_000) + 0.5) / 100_000, 2)
    y = np.tile([1, 0], 100_000)
    weight = np.where(y == 1, p**2, 1 - p**2)
    assert smooth_ece(y, p, sample_weight=weight).smooth_ece.value == pytest.approx(1 / 6, abs=1e-9)


rows = st.lists(
    st.tuples(st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0.0, 1.0, width=32)), st.integers(0, 1)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=50)
@given(rows, st.floats(1e-6, 2.0), st.floats(1.0, 20.0))
def test_bounds_and_monotony(rows, sigma, factor):
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    most = gaps_by_level(y, p)
    found = smooth_ece(y, p).smooth_ece
    assert abs(np.mean(y - p)) - 1e-12 <= found.value <= most + 1e-12
    assert 0 <= found.low <= found.value <= found.high <= 1
    narrow, wide = (smooth_ece(y, p, bandwidth=s).smooth_ece.value for s in (sigma, sigma * factor))
    assert abs(np.mean(y - p)) - 1e-12 <= wide
    assert wide <= narrow + 1e-5 * np.mean(np.abs(y - p))
    assert narrow <= most + 1e-12


@given(rows, st.floats(0.01, 1.0))
def test_mirrored_outcomes(rows, sigma):
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    first = smooth_ece(y, p, bandwidth=sigma).smooth_ece.value
    assert smooth_ece(1 - y, 1 - p, bandwidth=sigma).smooth_ece.value == pytest.approx(first, abs=1e-9)


def test_weights_are_repetitions():
    random = np.random.default_rng(0)
    p, y, times = random.random(50), random.random(50) < 0.4, random.integers(0, 4, 50)
    weighted = smooth_ece(y, p, sample_weight=times)
    repeated = smooth_ece(np.repeat(y, times), np.repeat(p, times))
    assert weighted.smooth_ece.value == pytest.approx(repeated.smooth_ece.value, rel=1e-9)
    assert weighted.smooth_ece.n == pytest.approx(times.sum() ** 2 / (times**2).sum())
    assert repeated.smooth_ece.n == times.sum()


def test_perfect_certainty_is_zero():
    result = smooth_ece([1, 0, 1], [1.0, 0.0, 1.0])
    assert (result.smooth_ece.value, result.bandwidth, result.null_95, result.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_top_label_and_classwise_are_what_they_say():
    random = np.random.default_rng(5)
    probs = random.dirichlet([1.0, 1.0, 0.5], 80)
    y = random.integers(0, 3, 80)
    top = smooth_ece(y, probs, kind="top-label")
    assert top == smooth_ece(probs.argmax(axis=1) == y, probs.max(axis=1))
    single = [smooth_ece(y == k, probs[:, k]).smooth_ece.value for k in range(3)]
    each = smooth_ece(y, probs, kind="classwise")
    assert each.smooth_ece.value == pytest.approx(np.mean(single), rel=1e-9)
    assert each.bandwidth == pytest.approx(single, rel=1e-9)
    assert math.isnan(each.smooth_ece.low) and math.isnan(each.p_value)
    assert each.smooth_ece.reason == "no interval for a mean over classes, which depend on one another"


@pytest.mark.parametrize("kind", ["binary", "top-label", "classwise"])
def test_no_rows(kind):
    probs = np.zeros(0) if kind == "binary" else np.zeros((0, 3))
    one = np.array([0.5]) if kind == "binary" else np.array([[0.2, 0.3, 0.5]])
    for y, p, weight in ([], probs, None), ([1], one, [0.0]):
        result = smooth_ece(y, p, kind=kind, sample_weight=weight)
        assert math.isnan(result.smooth_ece.value) and math.isnan(result.null_95) and math.isnan(result.p_value)
        assert result.smooth_ece.reason == "no rows" and result.smooth_ece.n == 0


def test_null_and_p_value_of_calibrated_models():
    # 300 calibrated samples: 95 % of their errors are below null_95, and p-values below .1 are a tenth of all; the
    # binomial standard deviations of the counts are 3.8 and 5.2, the quantiles of 500 draws add about half of that.
    random = np.random.default_rng(0)
    above = small = 0
    for seed in range(300):
        p = random.beta(0.7, 0.9, 150)
        result = smooth_ece(random.random(150) < p, p, seed=seed)
        above += result.smooth_ece.value > result.null_95
        small += result.p_value <= 0.1
        assert (result.p_value <= 0.05) == (result.smooth_ece.value > result.null_95) or (
            0.02 < result.p_value < 0.09  # both rest on the same draws; only interpolation parts them
        )
    assert 15 - 3 * 4.2 <= above <= 15 + 3 * 4.2
    assert 30 - 3 * 5.8 <= small <= 30 + 3 * 5.8


@pytest.mark.parametrize(("n", "power"), [(200, 1.0), (200, 2.0), (1000, 1.3)])
def test_interval_covers(n, power):
    # P(Y=1) = p^power: the truth is |1/2 - 1/(power+1)|, for the error has one sign. 95 % asked; of 100 samples
    # 95 ± 2.2 would be exact, and the interval is one on the safe side.
    random = np.random.default_rng(7)
    truth = 0.5 - 1 / (power + 1)
    covered = 0
    for seed in range(100):
        p = random.random(n)
        estimate = smooth_ece(random.random(n) < p**power, p, seed=seed).smooth_ece
        covered += estimate.low <= truth <= estimate.high
    assert covered >= 95 - 2 * 2.2


def test_real_network():
    if not SHARED.exists():
        pytest.skip("the shared data are absent")
    data = np.load(SHARED / "wideresnet-16-4-cifar-10.npz")
    y, probs = data["ground_truth"], data["predictions"]
    result = smooth_ece(y, probs, kind="top-label")
    confidence = probs.max(axis=1).astype(float)
    order = np.random.default_rng(0).permutation(len(y))[:2000]  # the definition costs rows × points
    part = smooth_ece((probs.argmax(axis=1) == y)[order], confidence[order], bandwidth=0.05).smooth_ece.value
    assert part == pytest.approx(
        by_definition((probs.argmax(axis=1) == y)[order], confidence[order], 0.05, points=2001), rel=1e-5
    )
    # Overconfident throughout: near the binned error .053716 of the data's README, and never above mean |residual|.
    assert result.smooth_ece.value == pytest.approx(0.0537, abs=5e-4)
    assert result.p_value < 0.01 and result.smooth_ece.low > result.null_95


MESSAGES = [
    (
        {"y_true": [0, 1], "y_prob": [0.1, 0.2, 0.3]},
        ShapeError,
        r"^smooth_ece: y_true must have shape \(3,\), one class index a row of y_prob; got \(2,\)\n\nhint: the order",
    ),
    (
        {"y_true": [0.1, 0.9], "y_prob": [0, 1]},
        DtypeError,
        r"^smooth_ece: y_true must be class indices, integers; got dtype float64\n\nhint: the order",
    ),
    (
        {"y_true": [0, 2, -1], "y_prob": [0.1, 0.2, 0.3]},
        TargetError,
        r"^smooth_ece: y_true must lie in \[0, 1\]; got 2 at row 1 \(2 such rows\)\n\nhint: there are 2 classes",
    ),
    (
        {"y_true": [0, 1], "y_prob": [0.1, 1.5]},
        OptionError,
        r"^smooth_ece: y_prob must lie in \[0, 1\]; got 1\.5 at row 1 \(1 such rows\)\n\nhint: logits become",
    ),
    (
        {"y_true": [0, 1], "y_prob": [0.1, math.nan]},
        OptionError,
        r"^smooth_ece: y_prob must lie in \[0, 1\]; got nan at row 1 \(1 such rows\)\n\nhint: leave such rows out",
    ),
    (
        {"y_true": [0], "y_prob": [[0.1, 0.9]]},
        ShapeError,
        r"^smooth_ece: y_prob must have shape \(rows,\) for kind='binary'; got \(1, 2\)\n\nhint: pass the column",
    ),
    (
        {"y_true": [0], "y_prob": [0.1], "kind": "top-label"},
        ShapeError,
        r"^smooth_ece: y_prob must have shape \(rows, classes ≥ 2\) for kind='top-label'.*\n\nhint: one number a",
    ),
    (
        {"y_true": [0], "y_prob": [[3.0, -1.0]], "kind": "classwise"},
        TargetError,
        r"^smooth_ece: y_prob must be non-negative and sum to 1 over the classes; got -1 at row 0 \(1 such rows\)",
    ),
    (
        {"y_true": [0], "y_prob": [0.1], "kind": "top"},
        OptionError,
        r"^smooth_ece: kind must be 'top-label', 'classwise' or 'binary'; got 'top'\n\nhint: top-label and",
    ),
    (
        {"y_true": [0], "y_prob": [0.1], "bandwidth": 0.0},
        OptionError,
        r"^smooth_ece: bandwidth must be a finite number above 0; got 0\.0",
    ),
    (
        {"y_true": [0], "y_prob": [0.1], "sample_weight": [-1.0]},
        OptionError,
        r"^smooth_ece: sample_weight must be finite and not negative; got -1",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), MESSAGES)
def test_messages(arguments, error, message):
    with pytest.raises(error, match=message):
        smooth_ece(**arguments)
