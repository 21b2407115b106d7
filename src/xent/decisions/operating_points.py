"""Where to put a threshold so that a goal is reached: on the rows at hand, or with a guarantee on new ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import Estimate
from xent.decisions import _goals
from xent.decisions._choice import Cell, choose, measure
from xent.decisions._goals import Aim

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

_DRAWS = (
    "the rows were drawn independently from the law of the rows to come, and no part of the model was fitted, "
    "calibrated or chosen on them"
)


@dataclass(frozen=True, repr=False)
class OperatingPoint:
    """A threshold and what is known of it; a row is flagged when its score is at or above it.

    Attributes
    ----------
    threshold
        In the unit of the scores, midway between two of them where it is not a candidate, so that the rounding of a
        score computed anew changes no flag; None where there is none (``reason`` says why); +inf flags nothing.
    goal
        What was asked, such as ``{"recall": 0.99}``.
    guaranteed
        Whether the goal is promised for new rows, with ``confidence``.
    confidence
        The confidence of this threshold by itself; where many share one, more than was asked for all together.
    n, n_positive
        Rows, and positive ones, that take part.
    needed
        The fewest rows with which so much can be promised at all: positives for a recall, negatives for a
        false-positive rate, flagged rows for a precision, rows for a cost (the last two of the rows that test, all
        but a fifth). None: nothing was to be promised, or no number of rows would do.
    measured
        Recall, precision, fpr, flagged (the share of rows), and F or the cost per row where that was the goal, on
        the rows themselves: the rows that chose the threshold flatter it.
    reason
        None, or why there is no threshold, or how likely an empirical one keeps its goal.
    assumptions
        What the guarantee takes for granted; empty where nothing is guaranteed.
    """

    threshold: float | None
    goal: dict[str, float]
    guaranteed: bool
    confidence: float | None
    n: int
    n_positive: int
    needed: int | None
    measured: dict[str, Estimate]
    reason: str | None
    assumptions: str
    _aim: Aim

    @property
    def achieved(self) -> Estimate:
        """What the goal is about, with its 95 % interval, measured on the rows that chose the threshold."""
        return self.measured[self._aim.kind]

    def __repr__(self) -> str:
        where = "none" if self.threshold is None else f"{self.threshold:.6g}"
        promise = f"guaranteed with confidence {self.confidence:.6g}" if self.guaranteed else "not guaranteed"
        rows = f"{self.n} rows, {self.n_positive} positive"
        reason = f"; {self.reason}" if self.reason else ""
        return f"<OperatingPoint {where}: {self._aim}, {promise}, from {rows}{reason}>"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: a measure as [value, low, high] or None, an infinite threshold as a word."""
        return {
            "threshold": str(self.threshold) if self.threshold in (math.inf, -math.inf) else self.threshold,
            "goal": self.goal,
            "guaranteed": self.guaranteed,
            "confidence": self.confidence,
            "n": self.n,
            "n_positive": self.n_positive,
            "needed": self.needed,
            "measured": {
                name: None if each.reason else [each.value, each.low, each.high] for name, each in self.measured.items()
            },
            "reason": self.reason,
            "assumptions": self.assumptions,
        }


def threshold_at(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    recall: float | None = None,
    precision: float | None = None,
    fpr: float | None = None,
    f_beta: float | None = None,
    cost: ArrayLike | None = None,
    cost_at_most: float | None = None,
    confidence: float | None = None,
    candidates: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
) -> OperatingPoint:
    """Return the threshold on a binary score at which one goal is reached, with a guarantee where one is asked.

    Without ``confidence`` the goal is reached on these rows, and missed about every second time on new ones: the best
    threshold of a sample is best for that sample. With ``confidence=0.95``, over the draw of these rows the chance is
    at most 5 % that a threshold is returned whose goal new rows do not reach; where that cannot be promised there is no
    threshold, and ``reason`` and ``needed`` say why.

    Parameters
    ----------
    y_true
        (n,) 1 or True for a positive row, 0 or False for the others.
    y_score
        (n,) real numbers of which higher means positive: probabilities, logits, anything; only their order counts.
        ±inf are scores like others.
    recall
        Share of the positives that is flagged, at least; in (0, 1]. The highest threshold that reaches it.
    precision
        Share of positives among the flagged, at least; in (0, 1]. The lowest threshold that reaches it.
    fpr
        Share of the negatives that is flagged, at most; in [0, 1). The lowest threshold that keeps it.
    f_beta
        beta > 0: the threshold of the greatest F = (1 + β²) TP / ((1 + β²) TP + β² FN + FP).
    cost
        (2, 2), ``cost[true, decided]`` = [[true negative, false positive], [false negative, true positive]] in any one
        unit: the threshold of least cost. :func:`xent.decisions.bayes_threshold` needs no rows where the
        probabilities are calibrated.
    cost_at_most
        What is promised of ``cost``: the expected cost per row. With ``confidence`` only, there required; of all
        thresholds that are proven to keep it, the one that costs these rows least.
    confidence
        In (0, 1); None for the empirical choice.
    candidates
        With precision or cost and ``confidence``: thresholds fixed before these rows were seen, tested in the order
        given until one fails. None: a fifth of the rows, drawn by ``seed``, proposes where to begin.
    sample_weight
        (n,) ≥ 0. With ``confidence`` all must be equal or 0, for exact bounds count rows.
    seed
        Of that draw; the result depends on it and on the order of the rows, the guarantee does not.

    Returns
    -------
    OperatingPoint
        ``threshold`` is None for no rows, no positives (recall, precision, F), no negatives (fpr), or a goal that is
        out of reach.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that differ, labels other than 0 and 1, a NaN score, none or two goals, a goal that cannot be promised
        (F), weights that differ with ``confidence``.
    ImportError
        ``confidence`` without SciPy.

    Notes
    -----
    Recall: the threshold lies just below the (c + 1)-th lowest score of n positives, c the largest with
    P(Bin(n, 1 - recall) ≤ c) ≤ 1 - confidence; the recall at that score is Beta(n - c, c + 1), and greater where
    scores tie. False-positive rate: just above the (c + 1)-th highest of the negatives. Both are exact for any n and,
    being about one class alone, stand where the frequencies of the classes change; a precision and a cost do not.

    Precision: among the rows that a fixed threshold flags, the positives are binomial. A fifth of the rows names a
    first threshold; on the others every threshold from there downwards is tested until one fails, each at the full
    1 - confidence. The first on that way whose precision is too low does not depend on the rows that test, and a
    promise is broken only where it passes its own test. (Ranks of the tested rows' own scores would not do as the
    sequence: which of them is the first to fail depends on the scores above it.) Cost: from the cheapest threshold of
    the fifth both ways, each at half, with the exact binomial tail where the costs take two values and Hoeffding's and
    Bentkus's bounds where they take more.

    Source: Wilks 1941 (doi:10.1214/aoms/1177731788); Angelopoulos et al. 2021 (arXiv:2110.01052); Bates et al. 2021
    (arXiv:2101.02703). Many classes or slices: :func:`operating_points`.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> y = random.random(4000) < 0.25
    >>> score = random.normal(size=4000) + 3 * y
    >>> threshold_at(y, score, recall=0.95)
    <OperatingPoint 1.31922: recall ≥ 0.95, not guaranteed, from 4000 rows, 1014 positive>
    >>> threshold_at(y, score, recall=0.95, confidence=0.95)
    <OperatingPoint 1.1477: recall ≥ 0.95, guaranteed with confidence 0.95, from 4000 rows, 1014 positive>
    >>> threshold_at(y[:100], score[:100], recall=0.95, confidence=0.95).reason
    '22 positives are too few: recall ≥ 0.95 with confidence 0.95 needs at least 59'
    """
    function = "threshold_at"
    _goals.seed_checked(function, seed)
    confidence = _goals.confidence_checked(function, confidence)
    given = {"recall": recall, "precision": precision, "fpr": fpr, "f_beta": f_beta, "cost": cost}
    (aim,) = _goals.aims(function, given, cost_at_most, confidence, None)
    score = _goals.scores(function, "y_score", y_score, (1,))
    positive = _goals.binary(function, y_true, score.shape, "y_score")
    weight = _goals.row_weights(function, sample_weight, len(score), confidence)
    tested = _goals.sequence(function, candidates, aim, confidence)
    return _point(Cell(function, positive, score, weight), aim, confidence, tested, seed)


def _point(cell: Cell, aim: Aim, confidence: float | None, candidates: Float64 | None, seed: int) -> OperatingPoint:
    if cell.weight is not None:
        if not (cell.weight > 0).all():
            cell = cell.rows(np.flatnonzero(cell.weight))
        if confidence is not None:  # they are all equal, and count alike
            cell = Cell(cell.function, cell.positive, cell.score, None)
    threshold, needed, reason, _ = choose(cell, aim, confidence, candidates, seed)
    guaranteed = threshold is not None and confidence is not None
    return OperatingPoint(
        threshold,
        aim.as_dict(),
        guaranteed,
        confidence,
        len(cell.score),
        int(np.count_nonzero(cell.positive)),
        needed,
        measure(cell, aim, threshold),
        reason,
        (_DRAWS if candidates is None else f"{_DRAWS}; nor did they suggest the candidates") if guaranteed else "",
        aim,
    )


class Cut(NamedTuple):
    """One row of :class:`OperatingPoints`: the class and slice that ``point`` is for, None for no class or all rows."""

    label: Any
    slice: tuple[str, Any] | None
    point: OperatingPoint


@dataclass(frozen=True, repr=False)
class OperatingPoints:
    """Thresholds of many classes and slices, in the order: all rows by class, then each slice by class.

    Attributes
    ----------
    cuts
        One a cell: ``label`` (class), ``slice`` (variable, value), ``point`` (:class:`OperatingPoint`).
    confidence
        With which all the goals hold that are guaranteed, or each of them where not ``simultaneous``; None: none is.
    simultaneous
        Whether the cells share one confidence.
    sharing
        Among how many cells 1 - confidence is divided: those with rows that the goal is about.
    """

    cuts: tuple[Cut, ...]
    confidence: float | None
    simultaneous: bool
    sharing: int

    @property
    def thresholds(self) -> tuple[float | None, ...]:
        """The classes' thresholds on all rows, as a :class:`xent.Policy` takes them: None where none is to be flagged.

        That is where there is no threshold, and where it lies above 1.
        """
        points = [cut.point.threshold for cut in self.cuts if cut.slice is None]
        return tuple(None if each is None or each > 1.0 else each for each in points)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and words."""
        return {
            "confidence": self.confidence,
            "simultaneous": self.simultaneous,
            "sharing": self.sharing,
            "rows": [
                {"class": _plain(cut.label), "slice": cut.slice and [cut.slice[0], _plain(cut.slice[1])]}
                | cut.point.to_dict()
                for cut in self.cuts
            ],
        }

    def __repr__(self) -> str:
        header = ["class", "slice", "threshold", "goal", "guaranteed", "rows", "positive", "recall", "precision", "why"]
        lines = [header]
        for cut in self.cuts:
            point = cut.point
            lines.append(
                [
                    "" if cut.label is None else str(cut.label),
                    "all" if cut.slice is None else f"{cut.slice[0]}={cut.slice[1]}",
                    "none" if point.threshold is None else f"{point.threshold:.6g}",
                    str(point._aim),
                    "yes" if point.guaranteed else "no",
                    str(point.n),
                    str(point.n_positive),
                    f"{point.measured['recall'].value:.4f}",
                    f"{point.measured['precision'].value:.4f}",
                    point.reason or "",
                ]
            )
        widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
        table = [
            "  ".join(
                cell.ljust(width) if column in (0, 1, 9) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        if self.confidence is not None:
            together = f"all together, shared by {self.sharing}" if self.simultaneous else "each by itself"
            table.append(f"confidence {self.confidence:.6g}, {together}")
        return "\n".join(table)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def operating_points(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    recall: ArrayLike | None = None,
    precision: ArrayLike | None = None,
    fpr: ArrayLike | None = None,
    f_beta: ArrayLike | None = None,
    cost: ArrayLike | None = None,
    cost_at_most: ArrayLike | None = None,
    confidence: float | None = None,
    simultaneous: bool = True,
    classes: Sequence[Any] | None = None,
    slices: Mapping[str, ArrayLike] | None = None,
    candidates: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
) -> OperatingPoints:
    """Return the thresholds of all classes, each against the rest, on all rows and in each slice.

    A class is flagged where its own probability is at or above its threshold, so a row may have several flags or none;
    :class:`xent.Policy` decides with them.

    Parameters
    ----------
    y_true
        Of K classes (n,) class indices; of K independent labels (n, K) of 0 and 1; for one score (n,) of 0 and 1.
    y_prob
        (n, K) probabilities, or (n,) of one label; in [0, 1], calibrated where costs are to mean anything.
    recall, precision, fpr, f_beta, cost, cost_at_most
        One goal, as in :func:`threshold_at`: a number for all classes, or one a class; ``cost`` (2, 2) or (K, 2, 2).
    confidence
        In (0, 1): all the goals with a threshold hold together with that confidence. None: the empirical choice.
    simultaneous
        Whether ``confidence`` is of all cells together (Bonferroni: each of m has 1 - (1 - confidence) / m) or of each.
    classes
        K names; None: 0 … K - 1.
    slices
        Names of variables, each with (n,) values: one cell for each value and class. A slice by itself, not by class,
        is that of one score, such as (n,) confidences with y_true = "the top class is right".
    candidates, sample_weight, seed
        As in :func:`threshold_at`.

    Returns
    -------
    OperatingPoints
        A cell that is empty, or too small for its promise, has no threshold and says why; it takes part in the
        division of 1 - confidence only where it has rows that the goal is about (positives for a recall, negatives
        for a false-positive rate).

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError, ImportError
        As :func:`threshold_at`; probabilities outside [0, 1].

    Notes
    -----
    Time is that of a sort a cell for precision, F and cost, of a few passes for the others; memory beyond the input is
    a few numbers a row, of one cell at a time.

    Source: the thresholds as in :func:`threshold_at`; Bonferroni's inequality needs no independence of the cells.

    Examples
    --------
    >>> from xent import softmax
    >>> random = np.random.default_rng(0)
    >>> y = random.integers(0, 3, 3000)
    >>> logits = random.normal(size=(3000, 3)) + 3 * np.eye(3)[y]
    >>> probs = softmax(logits)
    >>> operating_points(y, probs, recall=0.9, confidence=0.95, classes=["car", "bus", "bike"])
    class  slice  threshold          goal  guaranteed  rows  positive  recall  precision  why
    car    all     0.584193  recall ≥ 0.9         yes  3000       962  0.9210     0.9844
    bus    all     0.595888  recall ≥ 0.9         yes  3000       995  0.9206     0.9892
    bike   all     0.582421  recall ≥ 0.9         yes  3000      1043  0.9204     0.9938
    confidence 0.95, all together, shared by 3
    """
    function = "operating_points"
    _goals.seed_checked(function, seed)
    confidence = _goals.confidence_checked(function, confidence)
    probs = _validate.probabilities(function, "y_prob", _goals.scores(function, "y_prob", y_prob, (1, 2)))
    columns = probs[:, None] if probs.ndim == 1 else probs
    n_classes = columns.shape[1]
    given = {"recall": recall, "precision": precision, "fpr": fpr, "f_beta": f_beta, "cost": cost}
    aims = _goals.aims(function, given, cost_at_most, confidence, n_classes)
    tested = _goals.sequence(function, candidates, aims[0], confidence)
    weight = _goals.row_weights(function, sample_weight, len(probs), confidence)
    labels = _goals.labels(function, classes, n_classes, probs.ndim)
    positives = _goals.positives(function, y_true, probs.shape)
    parts: list[tuple[tuple[str, Any] | None, Array | None]] = [
        (None, None),
        *_goals.parts(function, slices, len(probs)),
    ]

    def cells() -> Iterator[tuple[Any, tuple[str, Any] | None, Aim, Cell]]:
        """Yield the cells one at a time: together they would hold every row several times."""
        for where, index in parts:
            for k, label in enumerate(labels):
                cell = Cell(function, positives(k), columns[:, k].copy(), weight)
                yield label, where, aims[k], cell if index is None else cell.rows(index)

    sharing = 1
    if confidence is not None and simultaneous:
        sharing = max(sum(_has_rows(cell, aim) for _, _, aim, cell in cells()), 1)
    each = None if confidence is None else _goals.shared_confidence(function, confidence, sharing)
    cuts = tuple(Cut(label, where, _point(cell, aim, each, tested, seed)) for label, where, aim, cell in cells())
    return OperatingPoints(cuts, confidence, simultaneous, sharing)


def _has_rows(cell: Cell, aim: Aim) -> bool:
    takes_part = np.ones(len(cell.score), dtype=bool) if cell.weight is None else cell.weight > 0
    if aim.kind in ("recall", "fpr"):
        takes_part = takes_part & (cell.positive == (aim.kind == "recall"))
    return bool(takes_part.any())
