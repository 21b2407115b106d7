"""Reliability and Murphy diagrams: numbers from elsewhere, coverage of the bands, and what is drawn."""

import importlib.util
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from xent.calibration.diagrams import ReliabilityDisplay, murphy_diagram
from xent.errors import OptionError, ShapeError

HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


@pytest.fixture(autouse=True)
def without_a_screen(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    yield
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        pyplot.close("all")


def sample(n=400, seed=0):
    random = np.random.default_rng(seed)
    p = random.random(n)
    return (random.random(n) < p**2).astype(int), p


def test_the_last_bin_holds_one_and_edges_belong_above():
    display = ReliabilityDisplay.from_predictions([1, 0, 0, 1], [1.0, 0.95, 0.5, 0.1], n_bins=10)
    assert display.prob_pred == pytest.approx([0.1, 0.5, 0.975])
    assert display.prob_true == pytest.approx([1.0, 0.0, 0.5])
    assert display.counts.tolist() == [1, 1, 2]


@pytest.mark.parametrize("n_bins", [1, 5, 15])
def test_equal_width_as_scikit_learn(n_bins):
    y, p = sample()
    true, pred = calibration_curve(y, p, n_bins=n_bins, strategy="uniform")
    display = ReliabilityDisplay.from_predictions(y, p, n_bins=n_bins)
    assert display.prob_true == pytest.approx(true, abs=1e-12)
    assert display.prob_pred == pytest.approx(pred, abs=1e-12)
    assert display.counts.sum() == display.histogram.sum() == len(y)


def test_equal_mass():
    y, p = sample(300)
    display = ReliabilityDisplay.from_predictions(y, p, n_bins=10, strategy="mass")
    order = np.argsort(p)
    assert display.counts.tolist() == [30.0] * 10
    assert display.prob_pred == pytest.approx(p[order].reshape(10, 30).mean(axis=1))
    assert display.prob_true == pytest.approx(y[order].reshape(10, 30).mean(axis=1))
    # Half the rows share .2: they stay together, and the bins that they fill up are left out.
    tied = ReliabilityDisplay.from_predictions([0] * 6, [0.2, 0.2, 0.2, 0.3, 0.5, 0.9], n_bins=3, strategy="mass")
    assert tied.counts.tolist() == [3, 1, 2]


def test_binomial_band():
    y, p = np.repeat([1, 0], [7, 13]), np.repeat(0.3, 20)
    display = ReliabilityDisplay.from_predictions(y, p)
    low, high = stats.binom.interval(0.95, 20, 0.3)
    assert (display.band_low * 20, display.band_high * 20) == (pytest.approx([low]), pytest.approx([high]))


@pytest.mark.parametrize("options", [{"n_bins": 10}, {"n_bins": 10, "strategy": "mass"}, {"method": "corp"}])
def test_bands_hold_of_calibrated_models(options, monkeypatch):
    monkeypatch.setattr("xent.calibration.diagrams._has_matplotlib", lambda: False)
    # 2000 (corp: 200) calibrated samples of 200 rows; a point of the curve lies in its band in 95 % or more of them.
    # Points of one sample depend on each other, so the error is that of the samples' number at worst.
    random = np.random.default_rng(1)
    samples = 200 if "method" in options else 2000
    inside = points = 0
    for _ in range(samples):
        p = random.beta(1.0, 2.0, 200)
        display = ReliabilityDisplay.from_predictions(random.random(200) < p, p, **options)
        within = (display.band_low - 1e-9 <= display.prob_true) & (display.prob_true <= display.band_high + 1e-9)
        inside += within.sum()
        points += len(within)
    error = 3 * math.sqrt(0.95 * 0.05 / (samples * (1 if "method" in options else 5)))
    assert 0.95 - error <= inside / points
    if "method" in options:  # the binomial's steps keep the other bands wider
        assert inside / points <= 0.95 + error


def test_corp_curve_is_isotonic_regression():
    y, p = sample(300, seed=2)
    weight = np.random.default_rng(3).exponential(size=300)
    display = ReliabilityDisplay.from_predictions(y, p, method="corp", sample_weight=weight)
    order = np.argsort(p)
    assert display.prob_pred.tolist() == p[order].tolist()
    assert display.counts == pytest.approx(weight[order])
    expected = IsotonicRegression(y_min=0, y_max=1).fit(p, y, weight).predict(p)[order]
    assert display.prob_true == pytest.approx(expected, abs=1e-12)
    assert (np.diff(display.band_low) >= -1e-12).all() and (np.diff(display.band_high) >= -1e-12).all()


def test_weights_are_repetitions_but_for_the_band():
    y, p = sample(60)
    times = np.random.default_rng(4).integers(0, 4, 60)
    weighted = ReliabilityDisplay.from_predictions(y, p, n_bins=5, sample_weight=times)
    repeated = ReliabilityDisplay.from_predictions(np.repeat(y, times), np.repeat(p, times), n_bins=5)
    for name in ("prob_true", "prob_pred", "counts", "histogram"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-12)
    assert (weighted.band_high - weighted.band_low > repeated.band_high - repeated.band_low - 1e-12).all()


def test_top_label():
    probs = np.random.default_rng(5).dirichlet([1.0, 1.0, 1.0], 100)
    y = np.random.default_rng(6).integers(0, 3, 100)
    display = ReliabilityDisplay.from_predictions(y, probs, kind="top-label")
    same = ReliabilityDisplay.from_predictions(probs.argmax(axis=1) == y, probs.max(axis=1))
    assert display.prob_true.tolist() == same.prob_true.tolist()
    assert display.prob_pred.tolist() == same.prob_pred.tolist()


@pytest.mark.parametrize("method", ["binned", "corp"])
def test_no_rows(method):
    display = ReliabilityDisplay.from_predictions([], [], method=method)
    assert display.prob_true.shape == display.band_low.shape == display.counts.shape == (0,)
    assert display.histogram.sum() == 0


def test_messages(monkeypatch):
    y, p = [0, 1], [0.2, 0.7]
    for options, message in [
        ({"method": "bins"}, r"method must be 'binned' or 'corp'; got 'bins'\n\nhint: 'corp' needs no bins"),
        ({"strategy": "uniform"}, r"strategy must be 'width' or 'mass'; got 'uniform'\n\nhint: "),
        ({"n_bins": 0}, r"n_bins must be an integer ≥ 1; got 0\n\nhint: 15"),
        ({"n_bins": True}, r"n_bins must be an integer ≥ 1; got True"),
        ({"kind": "classwise"}, r"kind must be 'binary' or 'top-label'; got 'classwise'"),
    ]:
        with pytest.raises(OptionError, match=f"^ReliabilityDisplay: {message}"):
            ReliabilityDisplay.from_predictions(y, p, **options)
    monkeypatch.setattr("xent.calibration.diagrams._has_matplotlib", lambda: False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    display = ReliabilityDisplay.from_predictions(y, p)
    assert display.prob_true.tolist() == [0, 1] and display.ax_ is None
    with pytest.raises(
        ImportError,
        match=r"^ReliabilityDisplay\.plot: needs matplotlib, which cannot be imported\n\nhint: pip install matplotlib",
    ):
        display.plot()


# What is drawn --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="matplotlib is not installed")
@pytest.mark.parametrize("method", ["binned", "corp"])
def test_what_is_drawn(method):
    y, p = sample(500)
    first = ReliabilityDisplay.from_predictions(y, p, method=method, name="first")
    second = ReliabilityDisplay.from_predictions(y, p**2, method=method, ax=first.ax_)
    second.plot(first.ax_, name="third", color="black", linestyle=":")
    assert second.ax_ is first.ax_ and second.figure_ is first.figure_
    texts = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert texts == ["calibrated, 95 % band", "first", "n = 500", "third"]
    assert second.line_.get_color() == "black"
    x, drawn = first.line_.get_data()
    # Corners are enough to draw a step function: between them nothing is lost.
    assert np.interp(first.prob_pred, x, drawn) == pytest.approx(first.prob_true, abs=1e-12)
    assert len(first.ax_.child_axes) == 1 and len(first.ax_.child_axes[0].patches) == 3
    assert (first.ax_.get_xlabel(), first.ax_.get_ylabel()) == ("Predicted probability", "Observed frequency")
    first.figure_.canvas.draw()


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="matplotlib is not installed")
def test_an_empty_or_bare_diagram_can_be_drawn():
    display = ReliabilityDisplay.from_predictions([], [])
    display.figure_.canvas.draw()
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["calibrated, 95 % band", "n = 0"]
    probs = np.array([[0.2, 0.8]])
    bare = ReliabilityDisplay.from_predictions([1], probs, kind="top-label").plot(ref_line=False)
    bare.figure_.canvas.draw()
    assert len(bare.ax_.lines) == 1 and bare.ax_.get_ylabel() == "Accuracy"


# Murphy diagram -------------------------------------------------------------------------------------------------------


def integral(y, p, weight=None, over=None):
    """∫ S_θ [/(θ (1 - θ))] dθ, exactly: the curve is a line a + bθ between neighbouring probabilities."""
    edges = np.unique(np.concatenate([[0.0, 1.0], p]))
    third = np.diff(edges) / 3
    one, two = (murphy_diagram(y, p, edges[:-1] + k * third, sample_weight=weight).scores for k in (1, 2))
    if over is None:
        return float((one + two) / 2 @ np.diff(edges))
    slope = (two - one) / third
    start = one - slope * (edges[:-1] + third)
    with np.errstate(divide="ignore", invalid="ignore"):
        # ∫ (a + bθ)/(θ(1-θ)) = a log θ - (a + b) log(1 - θ)
        terms = [
            np.where(np.abs(c) < 1e-12, 0.0, c * np.diff(f))
            for c, f in zip((start, -(start + slope)), (np.log(edges), np.log1p(-edges)), strict=True)
        ]
    return float(sum(term.sum() for term in terms))


@given(
    st.lists(
        st.tuples(st.integers(0, 100).map(lambda k: k / 100), st.integers(0, 1), st.integers(1, 4)),
        min_size=1,
        max_size=25,
    )
)
def test_brier_score_is_twice_the_area(rows):
    p, y, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    y = y.astype(int)
    brier = brier_score_loss(y, p, sample_weight=weight, labels=[0, 1])
    assert 2 * integral(y, p, weight) == pytest.approx(brier, abs=1e-12)


def test_log_score_is_a_mixture_too():
    y, p = sample(40)
    assert integral(y, p, over="log") == pytest.approx(log_loss(y, p), rel=1e-9)


def test_murphy_by_definition():
    y, p = sample(50, seed=7)
    p[:10] = 0.25
    weight = np.random.default_rng(8).exponential(size=50)
    thresholds = np.array([0.0, 0.25, 0.4, 1.0, p[20]])
    expected = [np.average(np.where(p > t, t * (y == 0), (1 - t) * (y == 1)), weights=weight) for t in thresholds]
    curve = murphy_diagram(y, p, thresholds, sample_weight=weight)
    assert curve.scores == pytest.approx(expected, abs=1e-14)
    assert curve.thresholds.tolist() == thresholds.tolist()
    assert murphy_diagram(y, p).thresholds == pytest.approx(np.linspace(0, 1, 201), abs=1e-15)
    probs = np.stack([1 - p, p], axis=1)
    top = murphy_diagram(y, probs, thresholds, kind="top-label")
    assert top.scores.tolist() == murphy_diagram((p > 0.5) == y, np.maximum(p, 1 - p), thresholds).scores.tolist()
    assert np.isnan(murphy_diagram([], []).scores).all()


def test_murphy_messages():
    for thresholds, error, message in [
        ([0.2, 1.2], OptionError, r"thresholds must lie in \[0, 1\]; got 1\.2"),
        ([0.2, math.nan], OptionError, r"thresholds must lie in \[0, 1\]; got nan\n\nhint: leave it out"),
        (0.5, ShapeError, r"thresholds must have shape \(m,\); got shape \(\)\n\nhint: one threshold is a list"),
    ]:
        with pytest.raises(error, match=f"^murphy_diagram: {message}"):
            murphy_diagram([0, 1], [0.2, 0.7], thresholds)
