"""Pictures of calibration: the reliability diagram with its band, and the Murphy diagram."""

from __future__ import annotations

import importlib
import importlib.util
import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.calibration import _events
from xent.calibration._arguments import check_bins
from xent.calibration._events import Events, needs
from xent.calibration._isotonic_curve import isotonic_curve
from xent.calibration.binned import equal_mass
from xent.calibration.metrics import ConfidenceBins
from xent.errors import OptionError, ShapeError

Float64 = NDArray[np.float64]

_DRAWS = 500
_CELLS = 1000
_STRIPS = 40
_COUNTS = "xent counts"
_WORDS = {"binary": ("Predicted probability", "Observed frequency"), "top-label": ("Confidence", "Accuracy")}


class ReliabilityDisplay:
    """A reliability diagram: observed frequencies over predicted probabilities, with counts and a consistency band.

    Make it with :meth:`from_predictions`. The numbers are there without matplotlib; :meth:`plot` draws them.

    Attributes
    ----------
    prob_pred, prob_true
        The points of the curve. ``method="binned"``: mean probability and observed frequency of every bin that has
        rows; ``method="corp"``: the distinct probabilities and their isotonic recalibration.
    counts
        The rows of each point; with weights the sum of theirs.
    band_low, band_high
        Where prob_true lies in 95 % of samples of this size, point by point, if the model is calibrated.
    histogram
        The rows in 40 bins of equal width, which the plot shows along its bottom; with weights the sum of theirs.
    kind, method, name
        As given.
    ax_, figure_, line_
        What was drawn last; None before.
    """

    def __init__(
        self,
        prob_true: Float64,
        prob_pred: Float64,
        counts: Float64,
        band_low: Float64,
        band_high: Float64,
        histogram: Float64,
        *,
        kind: str,
        method: str,
        name: str | None,
    ) -> None:
        self.prob_true, self.prob_pred, self.counts = prob_true, prob_pred, counts
        self.band_low, self.band_high = band_low, band_high
        self.histogram = histogram
        self.kind, self.method, self.name = kind, method, name
        self.ax_: Any = None
        self.figure_: Any = None
        self.line_: Any = None

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_prob: ArrayLike,
        *,
        n_bins: int = 15,
        strategy: str = "width",
        kind: str = "binary",
        method: str = "binned",
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        seed: int = 0,
    ) -> Self:
        """Make the diagram from labels and probabilities, and draw it where matplotlib is installed.

        Parameters
        ----------
        y_true
            (n,): 0 or 1, for ``kind="top-label"`` classes.
        y_prob
            (n,) probabilities of class 1, or (n, K) distributions; float16, float32 or float64.
        n_bins, strategy
            Bins of ``method="binned"``: of equal ``"width"``, [0, 1/B), …, [(B-1)/B, 1], or of equal ``"mass"``, rows
            of equal probability in one bin. Empty bins are left out.
        kind
            ``"binary"`` for y_prob (n,); ``"top-label"`` looks at the largest probability of y_prob (n, K) and whether
            its class is right. For one class of many pass (y_true == k, y_prob[:, k]).
        method
            ``"binned"``, or ``"corp"`` for isotonic regression, which needs no bins.
        sample_weight
            (n,) ≥ 0.
        name
            What the legend calls the model.
        ax
            The matplotlib axes to draw on; None makes new ones. Draw several models on one by passing ``ax=first.ax_``.
        seed
            Of the simulation of the band of ``method="corp"``.

        Returns
        -------
        ReliabilityDisplay
            Drawn, unless matplotlib is not installed: then it has the numbers, and :meth:`plot` says what is missing.
            Without rows the arrays are empty.

        Raises
        ------
        ShapeError, DtypeError, TargetError, OptionError
            Shapes that do not fit; not numbers; labels that are no class; probabilities outside [0, 1] or NaN; an
            unknown strategy, kind or method.
        ImportError
            SciPy is not installed.

        Notes
        -----
        The band of a bin holds the central 95 % of a binomial distribution with the bin's rows and mean probability, or
        a little more: exact if its rows share one probability, else on the safe side (Hoeffding 1956,
        doi:10.1214/aoms/1177728178). With weights it has Kish's effective number of rows. The band of the isotonic
        curve comes from 500 draws of outcomes that obey the probabilities, of up to 1000 groups of neighbouring rows.
        Bands hold point by point: of 15 bins of a calibrated model somewhat less than one lies outside on average.

        Source: Bröcker & Smith 2007 (doi:10.1175/WAF993.1), for the isotonic curve Dimitriadis, Gneiting & Jordan 2021
        (doi:10.1073/pnas.2016191118).

        Examples
        --------
        >>> from xent.calibration.diagrams import ReliabilityDisplay
        >>> display = ReliabilityDisplay.from_predictions([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.7], n_bins=2)
        >>> display.prob_pred, display.prob_true, display.counts
        (array([0.2, 0.7]), array([0., 1.]), array([2., 2.]))
        """
        function = "ReliabilityDisplay"
        _validate.choice(function, "method", method, ("binned", "corp"), "'corp' needs no bins")
        _validate.choice(function, "strategy", strategy, ("width", "mass"), "they are said of bins")
        n_bins, seed = check_bins(function, n_bins), _validate.seed(function, seed)
        events = _events.single(function, y_true, y_prob, kind, sample_weight)
        histogram = _counts(ConfidenceBins.index(events.probability, _STRIPS), events.weight, _STRIPS)
        numbers = _binned(events, n_bins, strategy) if method == "binned" else _isotonic(events, seed)
        display = cls(*numbers, histogram, kind=kind, method=method, name=name)
        if ax is not None or _has_matplotlib():
            display.plot(ax)
        return display

    def plot(self, ax: Any = None, *, name: str | None = None, ref_line: bool = True, **kwargs: Any) -> Self:
        """Draw the diagram: the curve, the band around the diagonal, and along the bottom how many rows are where.

        Parameters
        ----------
        ax
            The matplotlib axes; None makes new ones.
        name
            What the legend calls the model; None takes the display's own.
        ref_line
            Whether to draw the diagonal.
        **kwargs
            What matplotlib's ``plot`` takes, for the curve.

        Returns
        -------
        ReliabilityDisplay
            Itself, with ``ax_``, ``figure_`` and ``line_``.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        with needs("ReliabilityDisplay.plot", "matplotlib", "pip install matplotlib"):
            pyplot = importlib.import_module("matplotlib.pyplot")
        if ax is None:
            _, ax = pyplot.subplots(figsize=(5.2, 5.2), layout="constrained")
        counts_ax = next((child for child in ax.child_axes if child.get_label() == _COUNTS), None)
        if counts_ax is None:  # the first model on these axes
            counts_ax = ax.inset_axes((0.0, 0.0, 1.0, 0.13), label=_COUNTS, sharex=ax, zorder=0)
            counts_ax.patch.set_visible(False)
            counts_ax.spines[["left", "top", "bottom"]].set_visible(False)
            counts_ax.tick_params(bottom=False, labelbottom=False, labelsize="x-small", colors="0.45", length=2)
            counts_ax.yaxis.tick_right()
            counts_ax.yaxis.set_label_position("right")
            counts_ax.set_ylabel("rows, log", fontsize="x-small", color="0.45")
            counts_ax.set(yscale="log", ylim=(0.5, 1.0), yticks=[])
            if ref_line:
                ax.plot(
                    [0, 1],
                    [0, 1],
                    color="0.45",
                    linewidth=1,
                    linestyle=(0, (4, 3)),
                    label="calibrated, 95 % band",
                    zorder=2,
                )
        style = {"linewidth": 1.8, "label": name or self.name or f"n = {_plain(self.counts.sum())}", "zorder": 3}
        at = np.arange(len(self.counts))
        if self.method == "binned":
            style |= {"marker": "o", "markersize": 5.5, "markeredgecolor": "white", "markeredgewidth": 0.8}
        elif len(at):  # of a flat stretch its two ends, or a million levels would be a million strokes
            step = np.diff(self.prob_true) != 0
            at = at[np.append(True, step) | np.append(step, True)]
        (line,) = ax.plot(self.prob_pred[at], self.prob_true[at], **(style | kwargs))
        colour = line.get_color()
        at = np.unique(np.linspace(0, len(self.counts) - 1, 1000).astype(np.int64)) if len(at) else at
        ax.fill_between(
            self.prob_pred[at], self.band_low[at], self.band_high[at], color=colour, alpha=0.17, linewidth=0, zorder=1
        )
        if len(at):
            edges = np.linspace(0.0, 1.0, _STRIPS + 1)
            low, high = counts_ax.get_ylim() if counts_ax.patches else (np.inf, 0.0)
            low, high = min(low, self.histogram[self.histogram > 0].min() / 2), max(high, self.histogram.max())
            counts_ax.stairs(self.histogram, edges, baseline=1e-300, fill=True, color=colour, alpha=0.3)
            counts_ax.set_yticks([2 * low, high], [_plain(2 * low), _plain(high)])
            counts_ax.set(ylim=(low, high))
            counts_ax.minorticks_off()
        across, up = _WORDS[self.kind]
        ax.set(xlabel=across, ylabel=up, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        ax.legend(loc="upper left", frameon=False)
        self.ax_, self.figure_, self.line_ = ax, ax.figure, line
        return self


def _plain(total: float) -> str:
    return f"{total:,.0f}" if total == round(total) else f"{total:,.4g}"


def _has_matplotlib() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def _counts(index: NDArray[np.int64], weight: Float64, n_bins: int) -> Float64:
    return np.bincount(index, weight, n_bins).astype(np.float64, copy=False)


class _Groups:
    """The bins that have rows: their ``weight``, effective ``size``, ``mean`` probability and ``frequency``."""

    def __init__(self, events: Events, index: NDArray[np.int64], n_bins: int) -> None:
        weight = _counts(index, events.weight, n_bins)
        filled = weight > 0
        self.weight = weight[filled]
        mean = _counts(index, events.weight * events.probability, n_bins)[filled] / self.weight
        self.mean = np.clip(mean, 0.0, 1.0)  # sums round
        self.frequency = _counts(index, events.weight * events.happened, n_bins)[filled] / self.weight
        squares = _counts(index, events.weight**2, n_bins)[filled]
        self.size = np.maximum(np.rint(self.weight**2 / squares), 1.0).astype(np.int64)


def _equal_mass(events: Events, n_bins: int) -> NDArray[np.intp]:
    """Return each row's bin of equal mass."""
    _, index, place = equal_mass(events.probability, events.weight, n_bins)
    return index[place]


def _binned(events: Events, n_bins: int, strategy: str) -> tuple[Float64, Float64, Float64, Float64, Float64]:
    """Return prob_true, prob_pred, counts and the band of the bins that have rows."""
    with needs("ReliabilityDisplay", "SciPy", "pip install 'xent[audit]'"):
        from scipy.stats import binom
    mass = strategy == "mass"
    index = _equal_mass(events, n_bins) if mass else ConfidenceBins.index(events.probability, n_bins)
    bins = _Groups(events, index, n_bins)
    low, high = (binom.ppf(q, bins.size, bins.mean) / bins.size for q in (0.025, 0.975))
    return bins.frequency, bins.mean, bins.weight, low, high


def _isotonic(events: Events, seed: int) -> tuple[Float64, Float64, Float64, Float64, Float64]:
    """Return prob_true, prob_pred, counts and the band of the distinct probabilities."""
    with needs("ReliabilityDisplay", "SciPy 1.12 or later", "pip install 'xent[audit]'"):
        from scipy.optimize import isotonic_regression
    curve = isotonic_curve(events.probability, events.happened, events.weight)
    if not len(curve.levels):
        return curve.values, curve.levels, curve.weights, curve.values, curve.values
    groups = _Groups(events, _equal_mass(events, _CELLS), _CELLS)
    drawn = np.random.default_rng(seed).binomial(groups.size, groups.mean, (_DRAWS, len(groups.size))) / groups.size
    fits = [isotonic_regression(each, weights=groups.weight).x for each in drawn]
    low, high = np.quantile(fits, [0.025, 0.975], axis=0)
    band = [np.interp(curve.levels, groups.mean, bound) for bound in (low, high)]
    return curve.values, curve.levels, curve.weights, band[0], band[1]


@dataclass(frozen=True)
class MurphyCurve:
    """Mean elementary ``scores`` at the ``thresholds``, of the same shape; ``n`` is the (effective) number of rows."""

    thresholds: Float64
    scores: Float64
    n: float


def murphy_diagram(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    thresholds: ArrayLike | None = None,
    *,
    kind: str = "binary",
    sample_weight: ArrayLike | None = None,
) -> MurphyCurve:
    """Mean elementary score at every threshold: S_θ(p, y) = θ 1{p > θ, y = 0} + (1 - θ) 1{p ≤ θ, y = 1}.

    S_θ is the price of acting where p > θ, when acting in vain costs θ and not acting when one should costs 1 - θ.
    Every proper score is a mixture of them: the Brier score is 2 ∫ S_θ dθ, the log score ∫ S_θ / (θ (1 - θ)) dθ. A
    model whose curve is nowhere above another's is the better one for every proper score and every such decision.

    Parameters
    ----------
    y_true
        (n,): 0 or 1, for ``kind="top-label"`` classes.
    y_prob
        (n,) probabilities of class 1, or (n, K) distributions; float16, float32 or float64.
    thresholds
        One-dimensional, in [0, 1]; None takes 0, 0.005, …, 1.
    kind
        ``"binary"`` for y_prob (n,); ``"top-label"`` looks at the largest probability of y_prob (n, K) and whether
        its class is right.
    sample_weight
        (n,) ≥ 0.

    Returns
    -------
    MurphyCurve
        Scores in [0, 1], 0 at θ = 1; NaN without rows. Between two neighbouring ones of the distinct probabilities
        the curve is a straight line; at them it may jump, and belongs to the right side.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; not numbers; labels that are no class; probabilities or thresholds outside [0, 1] or
        NaN; an unknown kind.

    Notes
    -----
    O((n + thresholds) log n) time. Source: Ehm, Gneiting, Jordan & Krüger 2016 (doi:10.1111/rssb.12154).

    Examples
    --------
    >>> from xent.calibration.diagrams import murphy_diagram
    >>> murphy_diagram([0, 1], [0.6, 0.8], [0.25, 0.5, 0.75, 0.9]).scores
    array([0.125, 0.25 , 0.   , 0.05 ])
    """
    function = "murphy_diagram"
    events = _events.single(function, y_true, y_prob, kind, sample_weight)
    at = np.arange(201) / 200 if thresholds is None else _validate.probabilities(function, "thresholds", thresholds)
    at = at.astype(np.float64)
    if at.ndim != 1:
        raise ShapeError(
            function, f"thresholds must have shape (m,); got shape {at.shape}", "one threshold is a list of one"
        )
    if np.isnan(at).any():
        raise OptionError(function, "thresholds must lie in [0, 1]; got nan", "leave it out")
    total = float(events.weight.sum())
    if not total > 0:
        return MurphyCurve(at, np.full(len(at), math.nan), 0.0)
    order = np.argsort(events.probability)
    place = np.searchsorted(events.probability[order], at, side="right")
    missed, in_vain = (
        np.concatenate([[0.0], np.cumsum((events.weight * which)[order])])
        for which in (events.happened, 1.0 - events.happened)
    )
    scores = ((1.0 - at) * missed[place] + at * (in_vain[-1] - in_vain[place])) / total
    return MurphyCurve(at, scores, events.n)
