"""Temperature scaling against closed forms, a general minimiser, and values computed elsewhere on real networks."""

import itertools
import math
import pathlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp

from xent import OptionError, ShapeError, TargetError
from xent.calibration import TemperatureFit, fit_temperature
from xent.kernels import backend_for

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"


def sample(seed=0, n=400, k=5, sharpness=2.0):
    """Logits that are too sharp by a known factor, with labels drawn from the honest ones."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=(n, k)) * 1.5
    gumbel = random.gumbel(size=(n, k))
    return honest * sharpness, (honest + gumbel).argmax(axis=1)


def mean_loss(logits, target, log_beta, weight=None):
    z = logits * math.exp(log_beta)
    return np.average(logsumexp(z, axis=1) - z[np.arange(len(z)), target], weights=weight)


def reference(logits, target, weight=None):
    found = minimize_scalar(
        lambda u: mean_loss(logits, target, u, weight), bounds=(-12, 12), method="bounded", options={"xatol": 1e-11}
    )
    return math.exp(-found.x)


@pytest.mark.parametrize(
    ("m", "k", "right", "n"), [(4.0, 3, 8, 10), (1.0, 10, 30, 100), (30.0, 2, 51, 100), (0.05, 4, 99, 100)]
)
def test_closed_form(m, k, right, n):
    # One logit m, the rest 0, a share a of right rows: T = m / ln((K-1) a / (1-a)).
    logits = np.zeros((n, k))
    logits[:, 0] = m
    target = np.where(np.arange(n) < right, 0, 1)
    share = right / n
    fit = fit_temperature(logits, target)
    assert fit.temperature == pytest.approx(m / math.log((k - 1) * share / (1 - share)), rel=1e-9)
    assert abs(fit.gradient) < 1e-5
    assert fit.converged


def one_logit(m, k, temperature, dtype=np.float64):
    """Two rows of one logit m, the rest 0, with weights that make the temperature the best one."""
    odds = math.exp(m / temperature) / (k - 1)  # a/(1-a) of the share a that is right
    logits = np.zeros((2, k), dtype)
    logits[:, 0] = m
    return logits, np.array([0, k - 1]), np.array([odds, 1.0])


@pytest.mark.parametrize("temperature", [0.02, 0.17, 1.0, 2.0, 14.9, 15.1, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("k", [2, 10, 500])
def test_any_temperature_is_found_from_any_dtype(temperature, dtype, k):
    # netcal returns 1 for float32, and no T beyond 15; fits by LBFGS diverge from T = 30 on.
    m = 0.125 if temperature < 0.1 else 16.0 if temperature > 10 else 2.0
    logits, target, weight = one_logit(m, k, temperature, dtype)
    fit = fit_temperature(logits, target, sample_weight=weight)
    assert fit.temperature == pytest.approx(temperature, rel=1e-10)
    assert fit.converged
    assert fit.passes <= 10


def test_float16_probabilities_are_not_logits():
    # scikit-learn takes float16 probabilities for logits, and finds T = 0.17 where it is 2.
    probs = np.array([[0.5, 0.25, 0.25]] * 2, np.float16)
    share = 1 / (1 + math.sqrt(2))  # of right rows: 2 a/(1-a) = √2, and log 2 / log √2 = 2
    for logits in (np.log(probs.astype(np.float64)), np.log2(probs)):
        scale = 1.0 if logits.dtype == np.float64 else 1 / math.log(2)
        fit = fit_temperature(logits, [0, 1], sample_weight=[share, 1 - share])
        assert fit.temperature == pytest.approx(2.0 * scale, rel=1e-12)


@pytest.mark.parametrize("wrong", [1e-3, 1e-6, 1e-9, 1e-12])
def test_the_temperature_falls_to_zero_as_all_rows_become_right(wrong):
    fit = fit_temperature([[1.0, 0.0, 0.0]] * 2, [0, 1], sample_weight=[1 - wrong, wrong])
    assert fit.temperature == pytest.approx(1 / math.log(2 * (1 - wrong) / wrong), rel=1e-9)


@pytest.mark.parametrize("share", [0.25, 0.1, 0.0])
def test_a_share_of_right_rows_that_chance_would_give_has_no_temperature(share):
    fit = fit_temperature([[1.0, 0.0, 0.0, 0.0]] * 2, [0, 1], sample_weight=[share, 1 - share])
    assert (fit.reason, fit.temperature) == ("uninformative", 1.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("n", "k"), [(3000, 10), (700, 137), (20_000, 5)])
def test_is_the_root_of_the_slope(n, k, dtype):
    logits, target = sample(n=n, k=k)
    logits = logits.astype(dtype)
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)

    def slope(beta):
        e = np.exp(beta * z)
        return ((e * z).sum(axis=1) / e.sum(axis=1) - z[np.arange(n), target]).mean()

    expected = 1 / brentq(slope, 0.05, 5.0, xtol=1e-15, rtol=1e-14)
    assert fit_temperature(logits, target).temperature == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("factor", [1e-140, 1e-105, 1e105, 1e140])
def test_powers_of_extreme_logits_may_leave_what_a_double_can_say(factor):
    logits, target = sample()  # cubes do, and squares do not
    plain = fit_temperature(logits, target).temperature
    fit = fit_temperature(logits * factor, target)
    assert fit.temperature == pytest.approx(plain * factor, rel=1e-8)
    assert fit.converged


@pytest.mark.parametrize("sampled", ["all right", "all wrong", "far off", "without weight"])
def test_a_sample_that_misleads_does_not_matter(sampled):
    # Every 16th row is what the fit starts from.
    n, k, m = 1 << 16, 4, 3.0
    logits = np.zeros((n, k), np.float32)
    logits[:, 0] = m
    target = np.where(np.random.default_rng(0).random(n) < 0.7, 0, 1)
    weight = np.ones(n)
    sampled_rows = slice(None, None, 16)
    if sampled == "without weight":
        weight[sampled_rows] = 0.0
    elif sampled == "far off":
        target[sampled_rows] = np.arange(n // 16) % 1000 == 0
    else:
        target[sampled_rows] = 0 if sampled == "all right" else 1
    share = np.average(target == 0, weights=weight)
    fit = fit_temperature(logits, target, sample_weight=weight)
    assert fit.temperature == pytest.approx(m / math.log((k - 1) * share / (1 - share)), rel=1e-9)


def test_two_passes_over_many_rows_are_enough():
    logits, target = sample(n=1 << 16, k=4)
    fit = fit_temperature(logits, target)
    assert (fit.passes, fit.rows) == (2, 1 << 16)
    assert abs(fit.gradient) < 1e-6


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logits_are_read_as_they_lie(dtype):
    logits, target = sample(n=40_000, k=10)
    logits = logits.astype(dtype)
    expected = fit_temperature(logits, target)
    wide = np.zeros((80_000, 20), dtype)
    wide[::2, ::-2] = logits
    layouts = {
        "columns": np.asfortranarray(logits),
        "far apart": wide[::2, ::-2],
        "backwards": logits[::-1].copy()[::-1],
    }
    for name, same in layouts.items():
        tracemalloc.start()
        fit = fit_temperature(same, target.astype(np.uint8))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fit.temperature == pytest.approx(expected.temperature, rel=1e-12), name
        if backend_for(logits).name == "native":
            assert peak < logits.nbytes / 2 + 200_000, name


@pytest.mark.parametrize("integer", [np.int8, np.uint8, np.int32, np.uint32, np.uint64])
def test_class_indices_of_any_integer_type(integer):
    logits, target = sample()
    expected = fit_temperature(logits, target).temperature
    assert fit_temperature(logits, target.astype(integer)).temperature == expected


def test_the_kernels_of_numpy_find_the_same(monkeypatch):
    logits, target = sample(n=20_000)
    expected = fit_temperature(logits, target)
    monkeypatch.setenv("XENT_KERNELS", "numpy")
    fit = fit_temperature(logits, target)
    assert fit.temperature == pytest.approx(expected.temperature, rel=1e-12)
    assert fit.standard_error == pytest.approx(expected.standard_error, rel=1e-9)


def test_a_fit_of_pieces_counts_the_rows_it_leaves_out():
    logits, target = sample()
    expected = fit_temperature(logits, target).temperature
    fit = TemperatureFit()
    while not fit.done:
        fit.add(logits, target)
        fit.add(np.array([[np.nan] * 5, [np.inf] * 5, [-np.inf] * 5]), np.zeros(3, int))
        fit.step()
    assert (fit.rows, fit.undefined) == (400, 3)
    assert fit.temperature == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
def test_minimises_the_mean_loss(seed, weighted):
    logits, target = sample(seed)
    weight = np.random.default_rng(seed).exponential(size=len(target)) if weighted else None
    fit = fit_temperature(logits, target, sample_weight=weight)
    assert fit.temperature == pytest.approx(reference(logits, target, weight), rel=1e-5)
    u = -math.log(fit.temperature)
    for other in (u - 1e-4, u + 1e-4):
        assert mean_loss(logits, target, other, weight) > mean_loss(logits, target, u, weight)


@pytest.mark.parametrize("factor", [1e-3, 0.02, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scales_with_the_logits(factor, dtype):
    logits, target = sample()
    plain = fit_temperature(logits, target).temperature
    scaled = fit_temperature((logits * factor).astype(dtype), target)
    assert scaled.temperature == pytest.approx(plain * factor, rel=1e-6 if dtype == np.float32 else 1e-8)
    assert scaled.converged


@settings(max_examples=40)
@given(st.lists(st.integers(0, 400), max_size=6), st.floats(0.05, 50.0))
def test_pieces_and_start_do_not_matter(cuts, start):
    logits, target = sample()
    whole = fit_temperature(logits, target)
    fit = TemperatureFit(start)
    bounds = [0, *sorted(cuts), 400]
    while not fit.done:
        for low, high in itertools.pairwise(bounds):
            fit.add(logits[low:high], target[low:high])
        fit.step()
    assert fit.temperature == pytest.approx(whole.temperature, rel=1e-7)
    assert fit.rows == 400


def test_weight_two_is_the_row_twice():
    logits, target = sample(n=120)
    weight = np.random.default_rng(3).integers(0, 4, size=120)
    repeated = np.repeat(np.arange(120), weight)
    weighted = fit_temperature(logits, target, sample_weight=weight)
    assert weighted.temperature == pytest.approx(
        fit_temperature(logits[repeated], target[repeated]).temperature, rel=1e-9
    )
    assert weighted.rows == (weight > 0).sum()


def test_a_class_at_minus_infinity_is_no_class():
    logits, target = sample(k=4)
    masked = np.column_stack([logits, np.full(len(logits), -np.inf)])
    assert fit_temperature(masked, target).temperature == pytest.approx(
        fit_temperature(logits, target).temperature, rel=1e-12
    )


def test_rows_that_no_temperature_helps_are_left_out():
    logits, target = sample(k=4)
    hopeless = logits[:7].copy()
    hopeless[np.arange(7), target[:7]] = -np.inf
    fit = fit_temperature(np.concatenate([logits, hopeless]), np.concatenate([target, target[:7]]))
    assert fit.temperature == pytest.approx(fit_temperature(logits, target).temperature, rel=1e-12)
    assert fit.rows == len(logits)


@pytest.mark.parametrize(
    ("logits", "target", "reason"),
    [
        ([[3.0, 0.0], [0.0, 1.0]], [0, 1], "separable"),
        ([[3.0, 0.0], [3.0, 0.0]], [1, 1], "uninformative"),
        ([[3.0, 0.0], [3.0, 0.0]], [0, 1], "uninformative"),  # a = 1/K: the best T is infinite
        ([[3.0, -np.inf]], [1], "no rows"),
        (np.zeros((0, 2)), np.zeros(0, dtype=int), "no rows"),
    ],
)
def test_no_temperature_says_why(logits, target, reason):
    fit = fit_temperature(logits, target)
    assert (fit.reason, fit.temperature, fit.converged) == (reason, 1.0, False)


def test_standard_error_is_the_scatter_over_samples():
    fits = [fit_temperature(*sample(seed, n=500)) for seed in range(300)]
    scatter = np.std([fit.temperature for fit in fits], ddof=1)
    claimed = np.mean([fit.standard_error for fit in fits])
    assert claimed == pytest.approx(scatter, rel=0.15)  # the scatter of 300 is itself known to 4 %
    covered = [abs(fit.temperature - 2.0) < 1.96 * fit.standard_error for fit in fits]
    assert 0.91 < np.mean(covered) < 0.985


@pytest.mark.parametrize(
    ("file", "expected"), [("densenet-bc-100-cifar-100", 2.120899), ("wideresnet-16-4-cifar-10", 2.059224)]
)
def test_real_networks(file, expected):
    path = SHARED / f"{file}.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: it is never committed")
    data = np.load(path)
    with np.errstate(divide="ignore"):
        logits = np.log(data["predictions"][:5000].astype(np.float64))
    assert fit_temperature(logits, data["ground_truth"][:5000]).temperature == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(
    ("logits", "target", "error", "words"),
    [
        ([1.0, 2.0], [0], ShapeError, r"logits must have shape \(rows, classes\); got \(2,\)"),
        ([[1.0, np.nan]], [0], OptionError, "got nan as the largest at row 0"),
        ([[1.0, 0.0], [np.inf, 0.0]], [0, 0], OptionError, "got inf as the largest at row 1"),
        ([[1.0, 0.0]] * 9999 + [[np.nan, 0.0]], [0, 1] * 5000, OptionError, "got nan as the largest at row 9999"),
        ([[1.0, 0.0], [-np.inf, -np.inf]], [0, 0], OptionError, "got -inf as the largest at row 1"),
        ([[1.0, 0.0]], [2], TargetError, r"target must lie in \[0, 1\]; got 2 at row 0"),
        ([[1.0, 0.0]], [[0.5, 0.5]], OptionError, "target must be class indices"),
    ],
)
def test_bad_input_is_refused(logits, target, error, words):
    with pytest.raises(error, match=words):
        fit_temperature(logits, target)


def test_a_start_that_is_none_is_refused_by_name():
    with pytest.raises(OptionError, match=r"^fit_temperature: start must be a finite number above 0; got -1"):
        fit_temperature([[1.0, 0.0]], [0], start=-1)
