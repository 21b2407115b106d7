"""Decisions of least expected cost on calibrated probabilities, and the option not to decide."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import OptionError, ShapeError

Float64 = NDArray[np.float64]

#: Numbers of (rows, actions) held at a time.
_CHUNK = 1 << 18


class BayesDecision(NamedTuple):
    """``decision`` (n,) int64, -1 for a rejected row; ``expected_cost`` (n,) float64, in the unit of the costs."""

    decision: NDArray[np.int64]
    expected_cost: Float64


def bayes_threshold(
    *,
    cost_false_positive: float,
    cost_false_negative: float,
    cost_true_positive: float = 0.0,
    cost_true_negative: float = 0.0,
) -> float:
    """Return the probability from which on flagging a row costs no more, in expectation, than leaving it.

    t = (FP - TN) / ((FP - TN) + (FN - TP)): at a probability p of being positive, flagging costs p·TP + (1 - p)·FP and
    not flagging p·FN + (1 - p)·TN. It is the best threshold only on calibrated probabilities: calibrate first, or
    choose it from rows with :func:`xent.decisions.threshold_at`.

    Parameters
    ----------
    cost_false_positive, cost_false_negative, cost_true_positive, cost_true_negative
        What one row costs, in any one unit; negative is a gain. A mistake must cost more than being right:
        FP > TN and FN > TP.

    Returns
    -------
    The threshold, in (0, 1): flag when p ≥ t.

    Raises
    ------
    OptionError
        A cost is not finite, or a mistake costs no more than being right.

    Notes
    -----
    Source: Elkan 2001, The foundations of cost-sensitive learning (IJCAI 17, pp. 973-978). More classes, or a price
    for not deciding: :func:`bayes_decision`.

    Examples
    --------
    >>> bayes_threshold(cost_false_positive=1, cost_false_negative=9)
    0.1
    """
    function = "bayes_threshold"
    given = {
        "cost_false_positive": cost_false_positive,
        "cost_false_negative": cost_false_negative,
        "cost_true_positive": cost_true_positive,
        "cost_true_negative": cost_true_negative,
    }
    for name, value in given.items():
        if isinstance(value, bool) or not _validate.finite(value):
            raise OptionError(function, f"{name} must be a finite number; got {value!r}", "0.0 is no cost")
    matrix = np.array([[cost_true_negative, cost_false_positive], [cost_false_negative, cost_true_positive]], float)
    flagging, leaving = price_of_mistakes(function, matrix)
    return flagging / (flagging + leaving)


def price_of_mistakes(function: str, cost: Float64) -> tuple[float, float]:
    """Return (FP - TN, FN - TP) of a 2×2 matrix cost[true, decided], having checked that both are above 0."""
    exponent = math.frexp(float(np.abs(cost).max()))[1]
    (tn, fp), (fn, tp) = np.ldexp(cost, -exponent).tolist()  # exact, and no difference overflows
    if not fp > tn:
        raise OptionError(
            function,
            f"the cost of a false positive must exceed that of a true negative; got {cost[0, 1]:g} and {cost[0, 0]:g}",
            "otherwise every row is best flagged, and no threshold is needed; cost[true, decided] is the order",
        )
    if not fn > tp:
        raise OptionError(
            function,
            f"the cost of a false negative must exceed that of a true positive; got {cost[1, 0]:g} and {cost[1, 1]:g}",
            "otherwise no row is worth flagging, and no threshold is needed; cost[true, decided] is the order",
        )
    return fp - tn, fn - tp


def cost_matrix(function: str, cost: ArrayLike, n_classes: int) -> Float64:
    """Return cost[true, decided] (K, actions) as float64, having checked that it is finite and that right is cheapest.

    Only a square matrix has right decisions, on its diagonal.
    """
    matrix = _validate.floating(function, "cost", cost).astype(np.float64, copy=False)
    if matrix.ndim != 2 or matrix.shape[0] != n_classes or matrix.shape[1] == 0:
        raise ShapeError(
            function,
            f"cost must have shape ({n_classes}, actions), one row a true class; got {matrix.shape}",
            "cost[true, decided]: the row is what is so, the column what is decided",
        )
    if not np.isfinite(matrix).all():
        bad = matrix[~np.isfinite(matrix)].flat[0]
        raise OptionError(function, f"cost must be finite; got {bad:g}", "a large number forbids a decision")
    if matrix.shape[0] == matrix.shape[1]:
        dearer = np.diag(matrix) > matrix.min(axis=1)
        if dearer.any():
            k = int(dearer.argmax())
            raise OptionError(
                function,
                f"cost must be least where the decision is right; got {matrix[k, k]:g} for class {k} decided as "
                f"itself and {matrix[k].min():g} for it decided as class {int(matrix[k].argmin())}",
                "cost[true, decided]: the row is what is so, the column what is decided",
            )
    return matrix


def bayes_decision(probs: ArrayLike, cost: ArrayLike, *, reject_cost: float | None = None) -> BayesDecision:
    """Decide each row for the action of least expected cost, or reject it where even that is dearer than rejecting.

    The expected cost of action a is Σ_k p_k · cost[k, a]. With errors of cost 1 and a reject cost of c this is Chow's
    rule: reject when the greatest probability is below 1 - c.

    Parameters
    ----------
    probs
        (n, K) calibrated probabilities, each row a distribution.
    cost
        (K, A): ``cost[true, decided]``, what action a costs where class k is true, in any one unit; negative is a
        gain. Where A = K, action k is deciding for class k, and no decision may be cheaper than the right one.
    reject_cost
        The price of not deciding (a person looks), in the same unit; None: every row is decided. A row whose least
        expected cost equals it is decided.

    Returns
    -------
    BayesDecision
        ``decision`` (n,): the action, the first of those that tie, or -1 for a rejected row; ``expected_cost`` (n,):
        that of the decision, ``reject_cost`` for a rejected row. Of no rows, empty arrays. Beyond the input and
        these, memory is that of 2¹⁸ numbers.

    Raises
    ------
    TargetError
        A row of ``probs`` is not a distribution; NaN is not.
    ShapeError
        ``cost`` has not one row a class.
    OptionError
        A cost is not finite, a wrong decision cheaper than the right one, ``reject_cost`` not above the least cost:
        every row would be rejected.

    Notes
    -----
    Source: Chow 1970 (doi:10.1109/TIT.1970.1054406); Elkan 2001 (IJCAI 17). For two classes without rejection,
    :func:`bayes_threshold`.

    Examples
    --------
    Missing class 1 costs ten times a false alarm, and a look by a person 0.5:

    >>> bayes_decision([[0.98, 0.02], [0.9, 0.1], [0.2, 0.8]], [[0, 1], [10, 0]], reject_cost=0.5)
    BayesDecision(decision=array([ 0, -1,  1]), expected_cost=array([0.2, 0.5, 0.2]))
    """
    function = "bayes_decision"
    array = _validate.floating(function, "probs", probs)
    _validate.rows(function, "probs", array)
    _validate.check_distributions(function, "probs", array)
    matrix = cost_matrix(function, cost, array.shape[1])
    if reject_cost is not None and not (_validate.finite(reject_cost) and reject_cost > matrix.min()):
        raise OptionError(
            function,
            f"reject_cost must be finite and above the least cost, {matrix.min():g}; got {reject_cost!r}",
            "at that price every row would be rejected; None decides every row",
        )
    decision = np.empty(len(array), dtype=np.int64)
    expected = np.empty(len(array))
    step = max(_CHUNK // max(array.shape[1], matrix.shape[1]), 1)
    for start in range(0, len(array), step):
        here = slice(start, start + step)
        costs = array[here].astype(np.float64, copy=False) @ matrix
        decision[here] = costs.argmin(axis=1)
        expected[here] = costs.min(axis=1)
    if reject_cost is not None:
        rejected = expected > reject_cost
        decision[rejected], expected[rejected] = -1, reject_cost
    return BayesDecision(decision, expected)
