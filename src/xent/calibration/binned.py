"""The expected calibration error of arrays, and the counts that arrays and streams are added to.

Bins of equal width are [0, 1/B), [1/B, 2/B), …, [(B-1)/B, 1]: an edge belongs to the bin above it, the last bin holds
1.0. Edges are the float64 nearest to b/B, and a float16 or float32 probability is compared as the number it is.

Bins of equal mass hold n/B rows each as far as ties allow: a row of which r rows have a smaller probability is in bin
⌊B r / n⌋, so equal probabilities are never parted, and some bins may be empty (with weights, r and n are sums of them).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._pieces import pieces
from xent.calibration._arguments import Int64, Kind, check_bins, check_kind, labels, probabilities, row_weights
from xent.calibration.metrics import BinnedError, ConfidenceBins
from xent.errors import OptionError

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Strategy = Literal["width", "mass"]

#: Entries looked at in one go: some temporary arrays of a megabyte, that stay in cache.
_PIECE = 1 << 17
#: A confidence is counted in units of 2^-56, as two integers of 28 bits.
_HALF = float(1 << 28)
#: More rows than this in a bin might overflow the sums of their 28 bits.
_MOST_ROWS = 1 << 34


class BinCounts:
    """What is kept of the rows: for each class (one, or K classwise) and bin exact counts, and sums of weighted rows.

    ``counts`` (4, classes, bins), int64: rows without a weight, the right ones among them, and the sum of their
    confidences in units of 2^-28 and 2^-56. A confidence is rounded to 2^-57 at worst; the sum is exact, so that
    neither order nor parts change a bit of it. ``sums`` (4, classes, bins), float64, has the rows that came with
    weights: Σ w, Σ w², Σ w·confidence, Σ w·right.
    """

    def __init__(self, n_groups: int, n_bins: int) -> None:
        self.counts = np.zeros((4, n_groups, n_bins), np.int64)
        self.sums = np.zeros((4, n_groups, n_bins))

    def add(
        self, cell: NDArray[np.intp], confidence: Float64, right: NDArray[np.intp], weight: Any, right_weight: Any
    ) -> None:
        """Add entries with their cells (group · n_bins + bin), and the cells of the right ones."""
        shape = self.counts.shape[1:]
        size = math.prod(shape)

        def total(index: NDArray[np.intp], values: Any) -> Array:
            return np.bincount(index, values, size).reshape(shape)

        if weight is not None:
            self.sums += [
                total(cell, weight),
                total(cell, weight * weight),
                total(cell, weight * confidence),
                total(right, right_weight),
            ]
            return
        self.counts[1] += total(right, None)
        for start in range(0, len(cell), 1 << 20):  # bincount adds float64, exact below 2^53 units
            part = slice(start, start + (1 << 20))
            units = confidence[part] * _HALF
            whole = np.floor(units)
            units -= whole
            units *= _HALF
            self.counts[0] += total(cell[part], None)
            self.counts[2] += total(cell[part], whole).astype(np.int64)
            self.counts[3] += total(cell[part], np.rint(units, out=units)).astype(np.int64)

    def merge(self, function: str, other: BinCounts) -> None:
        """Add the rows of another."""
        if max(self.counts[0].max(initial=0), other.counts[0].max(initial=0)) > _MOST_ROWS:
            raise OptionError(
                function,
                f"a bin must have at most {_MOST_ROWS} rows, for its sum to fit 64 bits; got more",
                "compute the parts one by one, or take more bins",
            )
        self.counts += other.counts
        self.sums += other.sums

    def bins(self, classwise: bool, edges: tuple[Float64, Float64] | None = None) -> ConfidenceBins:
        """Return the sums that the errors are computed from."""
        rows, right, upper, lower = self.counts
        confidence = upper / _HALF + lower / _HALF**2
        sums = np.array([rows, rows, confidence, right], np.float64) + self.sums
        return ConfidenceBins(sums if classwise else sums[:, 0], edges)


# From rows to counts -------------------------------------------------------------------------------------------------


def add_top(counts: BinCounts, confidence: Float64, right: NDArray[np.bool_], weight: Float64 | None) -> None:
    """Add rows to one set of bins of equal width."""
    index = ConfidenceBins.index(confidence, counts.counts.shape[2])
    counts.add(index, confidence, index[right], weight, None if weight is None else weight[right])


def add_classes(counts: BinCounts, label: Int64, probs: Array, weight: Float64 | None) -> None:
    """Add rows (n, K) to every class's bins of equal width."""
    n, n_classes = probs.shape
    n_bins = counts.counts.shape[2]
    confidence = probs.astype(np.float64)
    cell = ConfidenceBins.index(confidence, n_bins) + np.arange(n_classes) * n_bins
    right = cell[np.arange(n), label]
    each = None if weight is None else np.repeat(weight, n_classes)
    counts.add(cell.reshape(-1), confidence.reshape(-1), right, each, weight)


def add_rows(counts: BinCounts, label: Int64, probs: Array, weight: Float64 | None, kind: Kind) -> None:
    """Add checked rows to bins of equal width."""
    for part in pieces(len(probs), 1 if probs.ndim == 1 else probs.shape[1], _PIECE):
        p, y, w = probs[part], label[part], None if weight is None else weight[part]
        if kind == "classwise":
            add_classes(counts, y, p, w)
        else:
            add_top(counts, *_stated(y, p), w)


def _stated(label: Int64, probs: Array) -> tuple[Float64, NDArray[np.bool_]]:
    """Return the probability that each row states, and whether what it speaks of is so."""
    if probs.ndim == 1:
        return probs.astype(np.float64), label == 1
    top = probs.argmax(axis=1)
    return probs[np.arange(len(probs)), top].astype(np.float64), top == label


def equal_mass(
    confidence: Float64, weight: Float64 | None, n_bins: int
) -> tuple[Float64, NDArray[np.intp], NDArray[np.intp]]:
    """Return the distinct confidences, ascending, their bins of equal mass, and each row's place among them."""
    value, place = np.unique(confidence, return_inverse=True)
    mass = np.bincount(place, weight, len(value))
    up_to = np.cumsum(mass)
    index = np.minimum((up_to - mass) * n_bins // up_to[-1:], n_bins - 1).astype(np.intp)
    return value, index, place


def _mass_bins(label: Int64, probs: Array, weight: Float64 | None, kind: Kind, n_bins: int) -> ConfidenceBins:
    """Return bins of equal mass of checked rows."""
    if weight is not None:
        probs, label, weight = probs[weight > 0], label[weight > 0], weight[weight > 0]
    n_groups = probs.shape[1] if kind == "classwise" else 1
    counts = BinCounts(n_groups, n_bins)
    low, high = np.full((2, n_groups, n_bins), math.nan)
    for group in range(n_groups):
        if kind == "classwise":
            confidence, right = probs[:, group].astype(np.float64), label == group
        else:
            confidence, right = _stated(label, probs)
        value, bin_of_value, place = equal_mass(confidence, weight, n_bins)
        low[group, bin_of_value[::-1]] = value[::-1]
        high[group, bin_of_value] = value
        cell = group * n_bins + bin_of_value[place]
        counts.add(cell, confidence, cell[right], weight, None if weight is None else weight[right])
    edges = (low, high) if kind == "classwise" else (low[0], high[0])
    return counts.bins(kind == "classwise", edges)


def _bins(
    function: str,
    y_true: ArrayLike,
    y_prob: ArrayLike,
    n_bins: int,
    strategy: Strategy,
    kind: Kind,
    sample_weight: ArrayLike | None,
) -> ConfidenceBins:
    n_bins = check_bins(function, n_bins)
    check_kind(function, kind)
    hint = "width: bins of equal width; mass: of equally many rows"
    _validate.choice(function, "strategy", strategy, ("width", "mass"), hint)
    probs = probabilities(function, y_prob, kind)
    label = labels(function, y_true, probs, "y_prob")
    weight = row_weights(function, sample_weight, len(label))
    if strategy == "mass":
        return _mass_bins(label, probs, weight, kind, n_bins)
    counts = BinCounts(probs.shape[1] if kind == "classwise" else 1, n_bins)
    add_rows(counts, label, probs, weight, kind)
    return counts.bins(kind == "classwise")


# The functions -------------------------------------------------------------------------------------------------------


def ece(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: Strategy = "width",
    kind: Kind = "top-label",
    norm: Literal["l1", "l2"] = "l1",
    debiased: bool = False,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the expected calibration error: ``Σ_b (n_b/n) |accuracy_b - confidence_b|`` over bins of confidence.

    Parameters
    ----------
    y_true
        Class indices (n,), integers; 0 or 1 (or booleans) for ``kind="binary"``.
    y_prob
        Probabilities, float16, float32, float64 or lists: (n, K) with rows that sum to 1, or (n,) for
        ``kind="binary"``. Logits are refused where they are no probabilities, and never guessed: for them
        :class:`~xent.calibration.CalibrationError` has ``update_logits``.
    n_bins
        B, the number of bins.
    strategy
        ``"width"``: [0, 1/B), [1/B, 2/B), …, [(B-1)/B, 1]; the last bin holds 1.0. ``"mass"``: n/B rows each, as far as
        ties allow, which are never parted.
    kind
        What is asked of each row. ``"top-label"``: its largest probability (of equals the first), against whether that
        class is right. ``"classwise"``: each class's probability against whether the row is of that class; the mean of
        the K errors. ``"binary"``: the probability of class 1 against whether the row is of class 1. The shape does
        not choose: one number a row is refused unless ``kind="binary"`` is said.
    norm
        ``"l1"``: as above. ``"l2"``: √(Σ_b (n_b/n) (accuracy_b - confidence_b)²); classwise the mean over the classes
        is taken before the root.
    debiased
        Subtract an estimate of what chance adds. For ``"l2"`` it is exact but for the spread of the true
        probabilities within bins, before a negative square is made 0 and the root is taken; for ``"l1"`` a good part
        stays where the truth is near 0 (59 % in each bin). See :class:`~xent.calibration.BinnedError`.
    sample_weight
        One finite weight ≥ 0 a row (n,); rows of weight 0 are left out.

    Returns
    -------
    float in [0, 1]; NaN without rows.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit ``kind`` or each other; rows of y_prob that are no distribution (a sum off by more than
        1e-5, in float16 8e-3; a negative number; NaN); labels that are no classes; options that are none of the above.

    Notes
    -----
    The plug-in estimate of a perfect model is not 0: of 300 rows with confidences spread over (.3, 1) it is .063 on
    average. Before it is called an error look at the null and interval of :func:`calibration_error`. Memory: O(n)
    beyond the input.

    References
    ----------
    Guo et al. 2017 (arXiv:1706.04599); classwise: Kull et al. 2019 (arXiv:1910.12656); debiased: Kumar et al. 2019
    (arXiv:1909.10155).

    See Also
    --------
    calibration_error : the same with its uncertainty and its bins.
    xent.calibration.CalibrationError : the same for streams, shards and logits.

    Examples
    --------
    >>> from xent.calibration import ece
    >>> round(ece([1, 0], [[0.05, 0.95], [0.0, 1.0]], n_bins=10), 12)
    0.475
    """
    _validate.choice("ece", "norm", norm, ("l1", "l2"), "l1 is the usual expected calibration error")
    bins = _bins("ece", y_true, y_prob, n_bins, strategy, kind, sample_weight)
    if norm == "l1":
        return bins.ece_debiased() if debiased else bins.ece()
    square = bins.squared_debiased() if debiased else bins.squared()
    return math.sqrt(max(square, 0.0)) if square == square else math.nan


def mce(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: Strategy = "width",
    kind: Kind = "top-label",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the maximum calibration error: the largest ``|accuracy_b - confidence_b|`` of a bin that holds a row.

    Parameters, errors and edge behaviour are those of :func:`ece`; classwise it is the largest of any class. A bin of
    one row counts as much as any other, so the number says little without the bins of :func:`calibration_error`.

    Examples
    --------
    >>> from xent.calibration import mce
    >>> round(mce([1, 1, 0], [0.9, 0.8, 0.2], n_bins=2, kind="binary"), 12)
    0.2
    """
    return _bins("mce", y_true, y_prob, n_bins, strategy, kind, sample_weight).mce()


def calibration_error(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: Strategy = "width",
    kind: Kind = "top-label",
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
) -> BinnedError:
    """Return the expected calibration error with its 95 % interval, what chance alone reaches, a p-value, and the bins.

    Parameters, errors and edge behaviour are those of :func:`ece`; ``seed`` is that of the 2000 simulations. With
    weights each bin counts as its effective number of rows, (Σw)²/Σw².

    Returns
    -------
    :class:`~xent.calibration.BinnedError`, which says what each number is and what it assumes.

    Examples
    --------
    A model that is right as often as it says, and an ECE that chance explains:

    >>> from xent.calibration import calibration_error
    >>> random = np.random.default_rng(0)
    >>> p = random.random(300)
    >>> found = calibration_error(random.random(300) < p, p, kind="binary")
    >>> bool(found.ece.value > 0.03), bool(found.ece.low == 0.0), bool(found.ece.value < found.null_95)
    (True, True, True)
    """
    seed = _validate.seed("calibration_error", seed)
    return _bins("calibration_error", y_true, y_prob, n_bins, strategy, kind, sample_weight).error(seed)
