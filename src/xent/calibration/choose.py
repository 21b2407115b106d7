"""Which calibrator: by the log loss of rows that it did not learn from, and never by a calibration error.

A proper score falls when probabilities come nearer to the truth and for no other reason. A calibration error does not
see what sharpness is lost: always saying the class shares makes it 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import Estimate, effective_size, missing, normal
from xent.calibration._base import Calibrator
from xent.calibration._rows import CalibrationRows, read_rows
from xent.calibration.affine import StructuredScaling, VectorScaling
from xent.calibration.isotonic import IsotonicCalibration
from xent.calibration.platt import BetaCalibration, PlattScaling, QuadraticScaling
from xent.calibration.temperature_scaling import EnsembleTemperature, TemperatureScaling, two_columns
from xent.errors import DtypeError, OptionError, ShapeError, XentError
from xent.kernels import backend_for
from xent.sampling.splits import folds

Array = NDArray[Any]
Float64 = NDArray[np.float64]

#: From here on the default has one number for all classes: a number a class would have few rows each.
_MANY_CLASSES = 300


@dataclass(frozen=True)
class Candidate:
    """One calibrator's row of the table; estimates are of rows that it did not learn from, in nats.

    ``nll`` is its mean log loss, ``change`` that minus the loss of the logits as they are, ``behind`` that minus the
    loss of the best candidate: both of the same rows, so pairs are compared. ``reason`` says why a candidate has none:
    the message with which it refused its rows.
    """

    calibrator: Calibrator
    nll: Estimate
    change: Estimate
    behind: Estimate
    reason: str | None = None

    @property
    def name(self) -> str:
        """The calibrator, as it is written."""
        return repr(self.calibrator)


@dataclass(frozen=True)
class Choice:
    """What :func:`best_calibrator` found: ``print`` it to see the table.

    Attributes
    ----------
    calibrator
        The one chosen, fitted on all rows.
    candidates
        All that were tried, best first.
    uncalibrated
        The mean log loss of the logits as they are.
    folds, n
        Of the cross-validation: its folds, and its rows with a label and a weight.
    """

    calibrator: Calibrator
    candidates: tuple[Candidate, ...]
    uncalibrated: Estimate
    folds: int
    n: int

    def __str__(self) -> str:
        width = max([32, *(len(each.name) for each in self.candidates)]) + 2
        lines = [
            f"log loss in nats, {self.folds}-fold cross-validated on {self.n:,} rows; 95 % intervals of differences",
            "",
            f"{'calibrator':<{width}}{'loss':>9}{'against none':>32}{'behind the best':>32}",
            f"{'none':<{width}}{self.uncalibrated.value:>9.5f}",
        ]
        for each in self.candidates:
            mark = " ←" if type(each.calibrator) is type(self.calibrator) and each.name == repr(self.calibrator) else ""
            if each.reason is not None:
                lines.append(f"{each.name:<{width}}{'-':>9}  {each.reason}")
            else:
                intervals = f"{_interval(each.change):>32}{_interval(each.behind):>32}{mark}"
                lines.append(f"{each.name:<{width}}{each.nll.value:>9.5f}{intervals}")
        lines += [
            "",
            f"chosen: {self.calibrator!r}; it preserves {self.calibrator.preserves}",
            "The least of several estimates is a little too low: score the chosen one on rows that chose nothing.",
        ]
        return "\n".join(lines)


def default_calibrator(n_rows: int, n_classes: int) -> Calibrator:
    """Return the calibrator to begin with: structured scaling for up to 300 classes with rows enough, else temperature.

    Enough is what ``StructuredScaling.rows_wanted`` says.
    """
    if n_classes > _MANY_CLASSES or n_rows < StructuredScaling.rows_wanted(n_classes):
        return TemperatureScaling()
    return StructuredScaling()


def default_candidates(n_classes: int) -> list[Calibrator]:
    """Return the calibrators that :func:`best_calibrator` tries unless it is told which."""
    if n_classes == 2:
        return [
            TemperatureScaling(),
            StructuredScaling(),
            PlattScaling(),
            QuadraticScaling(),
            BetaCalibration(),
            IsotonicCalibration(),
        ]
    few: list[Calibrator] = [StructuredScaling(), VectorScaling()] if n_classes <= _MANY_CLASSES else []
    return [TemperatureScaling(), EnsembleTemperature(), *few]


def best_calibrator(
    logits: ArrayLike,
    target: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    candidates: Sequence[Calibrator] | None = None,
    n_folds: int = 5,
    groups: ArrayLike | None = None,
    seed: int = 0,
    ignore_index: int = -100,
) -> Choice:
    """Choose a calibrator by cross-validated log loss, and fit it on all rows.

    Each candidate learns from all folds but one and is scored on that one. The default (see
    :func:`default_calibrator`), where it is among them, stays unless another has a lower loss beyond the 95 % interval
    of their difference: a more flexible calibrator must earn its place, and so must a less flexible one.

    Parameters
    ----------
    logits
        Scores (n, K), or (n,) for two classes where every candidate takes them; of rows that the classifier did not
        learn from.
    target
        Class indices (n,); rows with ``ignore_index`` are left out.
    sample_weight
        One finite weight ≥ 0 a row.
    candidates
        Unfitted calibrators; None: for two classes temperature, structured, Platt, quadratic, beta and isotonic; for
        more temperature, ensemble temperature and, up to 300 classes, structured and vector scaling.
    n_folds
        Folds, at least 2; classes are spread evenly over them.
    groups
        One label a row: rows of a group are never in two folds (patients, drives, documents).
    seed
        Of the folds.
    ignore_index
        Rows with this label are left out.

    Returns
    -------
    A :class:`Choice`: ``calibrator`` is fitted on all rows, ``print(choice)`` shows the table.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        As :meth:`Calibrator.fit`; no candidate could be fitted. A candidate that refuses these rows alone is no error:
        its ``reason`` says why.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration import best_calibrator
    >>> random = np.random.default_rng(0)
    >>> honest = 1.5 * random.normal(size=(4000, 3))
    >>> target = (honest + random.gumbel(size=(4000, 3))).argmax(axis=1)
    >>> choice = best_calibrator(2.0 * honest, target)
    >>> choice.candidates[0].change.high < -0.05
    True
    """
    rows, kept = read_rows(
        "best_calibrator",
        logits,
        target,
        sample_weight,
        ignore_index=ignore_index,
        takes_vector=True,
        takes_minus_inf=True,
    )
    n_classes = 2 if rows.logits.ndim == 1 else rows.logits.shape[1]
    if isinstance(candidates, Calibrator):
        problem = f"candidates must be a list of calibrators; got {candidates!r}"
        raise DtypeError("best_calibrator", problem, f"[{candidates!r}]")
    tried = default_candidates(n_classes) if candidates is None else list(candidates)
    for each in tried:
        if not isinstance(each, Calibrator):
            raise DtypeError(
                "best_calibrator", f"candidates must be calibrators; got {each!r}", "such as [TemperatureScaling()]"
            )
    cut = _folds(rows, kept, n_folds, groups, seed)
    table = [_cross_validated(candidate, rows, cut) for candidate in tried]
    if not any(np.isfinite(losses).all() for losses, _ in table):
        first = (table[0][1] or "its loss is infinite") if table else "there is none"
        raise OptionError(
            "best_calibrator",
            f"a candidate must take these rows; got {len(tried)} that do not: {first}",
            "probabilities of 0 give infinite losses: from_probs(p, floor=1e-7)",
        )
    return _choose(tried, table, rows, n_classes, n_folds)


def _folds(
    rows: CalibrationRows, kept: NDArray[np.bool_], n_folds: int, groups: ArrayLike | None, seed: int
) -> list[Any]:
    """Return the folds of the rows that are kept."""
    function, together = "best_calibrator", None
    if groups is not None:
        together = _validate.as_array(function, "groups", groups)
        if together.ndim == 0 or len(together) != len(kept):
            raise ShapeError(
                function, f"groups must have {len(kept)} rows; got shape {together.shape}", "pass one group a row"
            )
        together = together[kept]
    try:
        return folds(rows.target, n_folds=n_folds, groups=together, seed=seed)
    except XentError as error:
        raise type(error)(function, error.problem, error.hint) from None


def _cross_validated(candidate: Calibrator, rows: CalibrationRows, cut: list[Any]) -> tuple[Float64, str | None]:
    """Return the loss of each row under the calibrator of the other folds, or why there is none."""
    losses = np.full(len(rows.target), math.inf)
    try:
        for learn, score in cut:
            weight = None if rows.weight is None else rows.weight[learn]
            with np.errstate(all="ignore"):  # of logits too large for their squares, which lose
                calibrator = candidate.clone().fit(rows.logits[learn], rows.target[learn], weight)
                losses[score] = _losses(calibrator.transform(rows.logits[score]), rows.target[score])
    except XentError as error:
        return np.full(len(losses), math.inf), error.problem
    return losses, None


def _losses(logits: Array, target: NDArray[np.int64]) -> Float64:
    """Return each row's loss in nats."""
    logits = two_columns(logits)
    stats = backend_for(logits).row_stats(logits, target)
    result: Float64 = stats.log_sum - stats.target_logit
    return result


def _choose(
    tried: list[Calibrator],
    table: list[tuple[Float64, str | None]],
    rows: CalibrationRows,
    n_classes: int,
    n_folds: int,
) -> Choice:
    weight = rows.weights
    means = [float(weight @ losses / weight.sum()) if np.isfinite(losses).all() else math.inf for losses, _ in table]
    order = sorted(range(len(tried)), key=lambda number: (round(means[number], 12), number))  # rounding is no merit
    best, plain = table[order[0]][0], _losses(rows.logits, rows.target)
    listed = []
    for number in order:
        losses, reason = table[number]
        if reason is None and math.isinf(means[number]):
            reason = "a row that it did not learn from has probability 0: its loss is infinite"
        none = missing(reason or "")
        listed.append(
            Candidate(
                tried[number],
                none if reason else _mean(losses, weight),
                none if reason else _mean(losses - plain, weight),
                none if reason else _mean(losses - best, weight),
                reason,
            )
        )
    default = type(default_calibrator(len(rows.target), n_classes))
    stays = [each for each in listed if type(each.calibrator) is default and each.behind.low <= 0.0]
    chosen = (stays or listed)[0].calibrator
    fitted = chosen.clone().fit(rows.logits, rows.target, rows.weight)
    return Choice(fitted, tuple(listed), _mean(plain, weight), n_folds, len(rows.target))


def _mean(values: Float64, weight: Float64) -> Estimate:
    """Return a weighted mean with its normal interval."""
    n = effective_size(float(weight.sum()), float(np.square(weight).sum()))
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(weight @ values / weight.sum())
        scatter = float(np.square(weight * (values - mean)).sum())
    if not math.isfinite(mean):
        return replace(missing("some rows gave their label the probability 0", n), value=mean)
    if not math.isfinite(scatter) or n < 2:
        return replace(missing("the losses are too few, or too large for their squares", n), value=mean)
    return normal(mean, math.sqrt(scatter * n / (n - 1)) / float(weight.sum()), n)


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:+.5f} [{estimate.low:+.5f}, {estimate.high:+.5f}]"
