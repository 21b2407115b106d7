"""The kernels, written to be read: NumPy, float64, one idea a line.

These are the source of truth. Every faster kernel has the same signatures and is tested against this file.

The four kernels of a loss (``row_stats``, ``row_grad``, ``row_stats_and_grad``, ``row_softmax``) see ``logits`` with
the classes along the last axis and any number of axes before it, in any layout of memory: n rows, in C order of those
axes. A matrix of targets has the same axes, whatever is one number a row has shape (n,), and an array like the logits
is laid out in memory as they are. The other kernels see a matrix (n, K).

All compute in float64 whatever the storage type, and they are exact where it matters: a row's statistics are taken
*relative to its largest logit*, so that no loss is ever the small difference of two large numbers.

What happens to the logits x before anything else is done in the same pass:

    z = scale · softcap · tanh(x / softcap) + offset_k        z = scale · x + offset_k  without a soft cap

Edge rules shared by all kernels:

===================  =========================================================================
row of ``z``         result
===================  =========================================================================
any NaN              every statistic of the row is NaN
a +inf               ``max`` is +inf, every other statistic is NaN (no limit is guessed)
all -inf             ``max`` is -inf, every other statistic is NaN (there is no distribution)
some -inf            those classes have probability exactly 0 and contribute nothing
===================  =========================================================================
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Array = NDArray[Any]

name = "numpy"


class RowStats(NamedTuple):
    """What a loss of the softmax family needs to know of a row; each field has shape (n,), float64.

    ``log_sum`` is log Σ exp(z_k - max) = lse - max, so it lies in [0, log K]. ``target_logit`` is Σ t_k (z_k - max) for
    the target t (one-hot for a class index) and ``mean_logit`` is Σ c_k (z_k - max): both are ≤ 0 for t, c ≥ 0.

    Where extras are asked for, ``expected_logit`` is Σ p_k (z_k - max), so that the entropy is log_sum -
    expected_logit, and ``predicted`` (int64) the first of the classes of largest z, -1 in a row without a distribution.
    """

    max: Float64
    log_sum: Float64
    target_logit: Float64
    mean_logit: Float64
    expected_logit: Float64 | None = None
    predicted: NDArray[np.int64] | None = None


class RowScores(NamedTuple):
    """What an evaluation needs to know of a row; each field has shape (n,).

    ``nll`` is -log p_target in nats, ``confidence`` the largest probability, ``predicted`` its class (the first of
    equals), ``rank`` the number of classes placed before the target (0: the prediction is right; equals are ordered by
    index), ``sum_squares`` is Σ p_k². In a row without a distribution nothing is predicted: ``predicted`` is -1 and
    ``rank`` is K, so that it counts as wrong however many guesses are allowed.
    """

    nll: Float64
    confidence: Float64
    predicted: NDArray[np.int64]
    rank: NDArray[np.int64]
    sum_squares: Float64


class TemperatureSums(NamedTuple):
    """Sums over rows of the derivatives of their losses log Σ exp(β (z_k - max)) - β (z_y - max), for a fit of β = 1/T.

    The first derivative of a row is E[z] - z_y, the second Var[z] and the third E[(z - E[z])³], all under softmax(β z).
    A row takes part if its weight w is not 0, if it has a distribution, and if its target's logit is not -inf, for then
    no T helps.
    """

    rows: float  #: that take part
    undefined: float  #: rows without a distribution, whatever their weight
    weight: float  #: Σ w
    slope: float  #: Σ w f'
    slope_squares: float  #: Σ (w f')²
    curvature: float  #: Σ w f''
    bend: float  #: Σ w f'''
    slope_at_zero: float  #: Σ w f' where β = 0: all classes that are not at -inf are alike
    slope_at_infinity: float  #: Σ w f' where β → ∞: the largest logit takes all


def _scaled(logits: Array, scale: float) -> Float64:
    """Return scale · logits with contiguous rows, which NumPy sums pairwise, not one by one."""
    with np.errstate(invalid="ignore", over="ignore"):
        z: Float64 = np.multiply(logits, scale, dtype=np.float64, order="C")
    return z


def transformed(logits: Array, scale: float, softcap: float | None = None, offset: Float64 | None = None) -> Float64:
    """Return z: scale · softcap · tanh(logits / softcap) + offset, of any shape. ±inf becomes ± softcap."""
    if softcap is None:
        z = _scaled(logits, scale)
    else:
        with np.errstate(over="ignore"):
            z = scale * (softcap * np.tanh(_scaled(logits, 1.0) / softcap))
    return z if offset is None else z + offset


def slope(logits: Array, scale: float, softcap: float | None = None) -> Float64 | float:
    """Return d z / d logits: scale · (1 - tanh²), as 1/cosh², in which nothing cancels."""
    if softcap is None:
        return scale
    with np.errstate(over="ignore"):
        reciprocal: Float64 = 1.0 / np.cosh(_scaled(logits, 1.0) / softcap)
    return scale * reciprocal * reciprocal


def _relative(
    logits: Array, scale: float, softcap: float | None = None, offset: Float64 | None = None
) -> tuple[Float64, Float64, Float64]:
    """Return (z - max, max, exp(z - max)), the first and last all NaN in a row that has no distribution."""
    z = transformed(logits, scale, softcap, offset)
    with np.errstate(invalid="ignore", over="ignore"):
        top = z.max(axis=1, initial=-np.inf)  # NaN wins over every number
        relative = z - np.where(np.isfinite(top), top, np.nan)[:, None]
        return relative, top, np.exp(relative)


def _rest(exps: Float64) -> Float64:
    """Return Σ exp(z - max) without its largest term, which is exactly 1: what is left of 1 - p is in it."""
    rest = exps.copy()
    rest[np.arange(len(exps)), exps.argmax(axis=1)] -= 1.0
    total: Float64 = rest.sum(axis=1)
    return total


def _log_sum(exps: Float64) -> Float64:
    """Return log Σ exp(z - max)."""
    log_sum: Float64 = np.log1p(_rest(exps))
    return log_sum


def _dot(coef: Array, relative: Float64) -> Float64:
    """Return Σ coef_k · relative_k over each row with 0 · (-inf) = 0, keeping NaN rows NaN."""
    with np.errstate(invalid="ignore", over="ignore"):
        product = coef * relative
    product[(coef == 0.0) & (relative == -np.inf)] = 0.0
    total: Float64 = product.sum(axis=1, dtype=np.float64)
    return total


def _matrix(values: Array) -> Array:
    """Return the rows of an array whose last axis holds the classes as a matrix (n, K)."""
    return values.reshape(math.prod(values.shape[:-1]), values.shape[-1])


def row_stats(
    logits: Array,
    target: Array | None = None,
    class_coef: Float64 | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Float64 | None = None,
    extras: bool = False,
) -> RowStats:
    """Return the statistics of each row of z.

    ``target`` is None, class indices of shape (n,) (a negative index: no target, ``target_logit`` is 0), or a float
    array of the logits' shape. ``class_coef`` is c, of shape (K,). Without them the field is 0. ``extras`` asks for
    ``expected_logit`` and ``predicted``.
    """
    rows = _matrix(logits)
    n, n_classes = rows.shape
    if n == 0 or n_classes == 0:
        nothing = RowStats(np.full(n, -np.inf), np.full(n, np.nan), np.zeros(n), np.zeros(n))
        return nothing._replace(expected_logit=np.zeros(n), predicted=np.full(n, -1)) if extras else nothing
    relative, top, exps = _relative(rows, scale, softcap, offset)
    target_logit = np.zeros(n)
    if target is not None and target.ndim > 1:
        target_logit = _dot(_matrix(target), relative)
    elif target is not None:
        known = np.flatnonzero(target >= 0)
        target_logit[known] = relative[known, target[known]]
    mean_logit = np.zeros(n) if class_coef is None else _dot(class_coef, relative)
    stats = RowStats(top, _log_sum(exps), target_logit, mean_logit)
    if not extras:
        return stats
    return stats._replace(
        expected_logit=_dot(exps, relative) / exps.sum(axis=1),
        predicted=np.where(np.isnan(exps[:, 0]), -1, relative.argmax(axis=1)),
    )


def two_class_row(z: Float64) -> tuple[Float64, Float64, Float64]:
    """Return (z - max, 0 - max, log_sum) of the two-class rows (0, z), for z of any shape.

    Unlike a longer row it has a limit at both infinities, and takes it: (0, -inf, 0) at +inf, (-inf, 0, 0) at -inf.
    """
    return np.minimum(z, 0.0), np.minimum(-z, 0.0), np.log1p(np.exp(-np.abs(z)))


def sigmoid(z: Float64) -> Float64:
    """Return 1 / (1 + exp(-z)) without overflow, with full relative precision at both ends."""
    return np.exp(np.minimum(z, 0.0)) / (1.0 + np.exp(-np.abs(z)))


def row_softmax(
    logits: Array,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Float64 | None = None,
    log: bool = False,
) -> Array:
    """Return softmax (or its logarithm) of each row of z, rounded once to the dtype of ``logits``."""
    result = np.empty_like(logits)
    if logits.size == 0:
        return result
    relative, _, exps = _relative(_matrix(logits), scale, softcap, offset)
    values = relative - _log_sum(exps)[:, None] if log else exps / exps.sum(axis=1, keepdims=True)
    with np.errstate(over="ignore"):
        result[...] = values.reshape(logits.shape)
    return result


def row_grad(
    logits: Array,
    coef_softmax: Float64,
    coef_target: Float64,
    target: Array | None = None,
    coef_class: Float64 | None = None,
    class_coef: Float64 | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Float64 | None = None,
    stats: RowStats | None = None,
) -> Array:
    """Return ``(coef_softmax · softmax(z) + coef_target · t + coef_class · c) · dz/dlogits``, in the logits' dtype.

    The three coefficients have shape (n,). A row whose coefficients are all 0 gets exact zeros whatever its logits
    hold, NaN included: this is how an ignored row is ignored. For a class index the difference of probability and 1 is
    taken as the sum of the other probabilities, which a confident row needs: 1 - p is there still where p rounds to 1.

    ``stats`` may be what :func:`row_stats` returned for the same z: it saves other kernels a pass, this one nothing.
    """
    result = np.zeros_like(logits)
    every = _matrix(logits)
    coef_class = np.zeros(len(every)) if coef_class is None else coef_class
    live = np.flatnonzero((coef_softmax != 0.0) | (coef_target != 0.0) | (coef_class != 0.0))
    if len(live) == 0 or every.shape[1] == 0:
        return result
    relative, _, exps = _relative(every[live], scale, softcap, offset)
    rest = _rest(exps)
    grad = coef_softmax[live, None] * (exps / (1.0 + rest)[:, None])
    if target is not None and target.ndim > 1:
        grad += coef_target[live, None] * _matrix(target)[live]
    elif target is not None:
        rows = np.flatnonzero(target[live] >= 0)
        label, by_softmax = target[live][rows], coef_softmax[live][rows]
        others = np.where(relative[rows, label] == 0.0, rest[rows], 1.0 + (rest[rows] - exps[rows, label]))
        grad[rows, label] = (by_softmax + coef_target[live][rows]) - by_softmax * (others / (1.0 + rest[rows]))
    if class_coef is not None:
        grad += coef_class[live, None] * class_coef
    rounded = np.zeros(every.shape, logits.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        rounded[live] = grad * slope(every[live], scale, softcap)
    result[...] = rounded.reshape(logits.shape)
    return result


def row_stats_and_grad(
    logits: Array,
    coef_softmax: Float64,
    coef_target: Float64,
    target: Array | None = None,
    coef_class: Float64 | None = None,
    class_coef: Float64 | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Float64 | None = None,
) -> tuple[RowStats, Array]:
    """Return :func:`row_stats` and :func:`row_grad`, which other kernels do in one pass.

    It is for a loss whose coefficients are known before its value: cross-entropy.
    """
    grad = row_grad(
        logits,
        coef_softmax,
        coef_target,
        target,
        coef_class,
        class_coef,
        scale=scale,
        softcap=softcap,
        offset=offset,
    )
    return row_stats(logits, target, class_coef, scale=scale, softcap=softcap, offset=offset), grad


def temperature_sums(
    logits: Array, target: Array, weight: Float64 | None = None, *, scale: float = 1.0
) -> TemperatureSums:
    """Return what a step of a temperature's fit takes, at ``scale`` = 1/T > 0: see :class:`TemperatureSums`.

    ``target`` holds class indices of any integer type (all in 0 … K-1), ``weight`` one number ≥ 0 a row. Classes at
    -inf have probability 0 and contribute nothing, at scale 0 too.
    """
    if logits.size == 0:
        return TemperatureSums(*[0.0] * len(TemperatureSums._fields))
    relative, _, _ = _relative(logits, 1.0)
    at_target = relative[np.arange(len(logits)), target]
    undefined = np.isnan(relative).any(axis=1)
    each = np.ones(len(logits)) if weight is None else weight
    usable = ~undefined & np.isfinite(at_target) & (each > 0)
    relative, at_target, each = relative[usable], at_target[usable], each[usable]
    there = relative > -np.inf
    values = np.where(there, relative, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        exps = np.where(there, np.exp(scale * values), 0.0)
        probs = exps / exps.sum(axis=1, keepdims=True)
        mean = (probs * values).sum(axis=1)
        deviation = values - mean[:, None]
        slope = mean - at_target
        return TemperatureSums(
            rows=float(len(each)),
            undefined=float(undefined.sum()),
            weight=float(each.sum()),
            slope=float((each * slope).sum()),
            slope_squares=float(((each * slope) ** 2).sum()),
            curvature=float((each * (probs * deviation**2).sum(axis=1)).sum()),
            bend=float((each * (probs * deviation**3).sum(axis=1)).sum()),
            slope_at_zero=float((each * (values.sum(axis=1) / there.sum(axis=1) - at_target)).sum()),
            slope_at_infinity=float(-(each * at_target).sum()),
        )


def row_scores(logits: Array, target: Array, *, scale: float = 1.0) -> RowScores:
    """Return what each row's prediction is worth against its class index ``target`` (all in 0 … K-1)."""
    n, n_classes = logits.shape
    relative, _, exps = _relative(logits, scale)
    log_sum = _log_sum(exps)
    known = ~np.isnan(log_sum)
    z = _scaled(logits, scale)
    z_target = z[np.arange(n), target][:, None]
    first = np.arange(n_classes) < target[:, None]
    rank = ((z > z_target) | ((z == z_target) & first)).sum(axis=1)
    total = exps.sum(axis=1)
    return RowScores(
        nll=log_sum - relative[np.arange(n), target],
        confidence=np.exp(-log_sum),
        predicted=np.where(known, z.argmax(axis=1), -1),
        rank=np.where(known, rank, n_classes),
        sum_squares=(exps * exps).sum(axis=1) / (total * total),
    )


def confidence_counts(logits: Array, target: Array, counts: NDArray[np.int64], *, scale: float = 1.0) -> int:
    """Add rows to the bins of their confidence, in place; return how many rows have no distribution: they add nothing.

    ``counts`` has shape (4, B), int64: rows, those whose prediction is right, and the sum of their confidences in units
    of 2^-28 and, for what is left, of 2^-56. So sums are exact: neither order nor batches change them. Bin b is
    [b/B, (b+1)/B), the edges rounded to float64; the last one holds 1.0.
    """
    if logits.size == 0:
        return len(logits)
    n_bins = counts.shape[1]
    scores = row_scores(logits, target, scale=scale)
    known = scores.predicted >= 0
    confidence, right = scores.confidence[known], scores.rank[known] == 0
    bins = np.searchsorted(np.arange(1, n_bins) / n_bins, confidence, side="right")
    upper = np.floor(confidence * 2.0**28)
    lower = np.rint((confidence * 2.0**28 - upper) * 2.0**28)
    for total, values in zip(counts, (np.ones(len(bins)), right, upper, lower), strict=True):
        np.add.at(total, bins, values.astype(np.int64))
    return len(logits) - int(known.sum())


def odds_edges(bits: int) -> Float64:
    """Return the lower edges of the bins of :func:`class_histogram`, as odds.

    They are 0, then 2^e (1 + j/2^bits) for -30 ≤ e < 30 and 0 ≤ j < 2^bits, then 2^30.

    Such an edge is a float64 whose trailing bits are zero, so the bin of a number is its leading bits: no logarithm is
    ever taken.
    """
    steps = 1 << bits
    exponents = np.repeat(np.arange(-30, 30), steps)
    fractions = 1.0 + np.tile(np.arange(steps), 60) / steps
    return np.concatenate([[0.0], np.ldexp(fractions, exponents), [2.0**30]])


def class_histogram(
    logits: Array,
    target: Array,
    weight: Float64 | None,
    counts: Float64,
    hits: Float64,
    prob_sums: Float64,
    *,
    bits: int,
    scale: float = 1.0,
) -> None:
    """Add every probability of every row to the histogram of its class, in place.

    ``counts``, ``hits`` and ``prob_sums`` have shape (K, len(odds_edges(bits))), float64: the weight of the rows whose
    probability of class k falls into the bin, of those among them whose target is k, and the weighted sum of the
    probabilities. The bin is that of the odds p/(1-p) = e_k / Σ_{j≠k} e_j. A row without a distribution adds nothing.
    """
    _, _, exps = _relative(logits, scale)
    known = ~np.isnan(exps).any(axis=1)
    exps, target, weight = exps[known], target[known], None if weight is None else weight[known]
    n, n_classes = exps.shape
    rest = _rest(exps)
    others = 1.0 + (rest[:, None] - exps)
    others[np.arange(n), exps.argmax(axis=1)] = rest
    with np.errstate(divide="ignore", over="ignore"):
        odds = exps / others
    first = (1023 - 30) << bits  # the leading bits of 2^-30
    bins = np.clip((odds.view(np.int64) >> (52 - bits)) - first + 1, 0, counts.shape[1] - 1)
    flat = bins + np.arange(n_classes) * counts.shape[1]
    each = np.ones(n) if weight is None else weight
    every = np.broadcast_to(each[:, None], flat.shape).ravel()
    probs = exps / (1.0 + rest)[:, None]
    counts += np.bincount(flat.ravel(), every, counts.size).reshape(counts.shape)
    prob_sums += np.bincount(flat.ravel(), (probs * each[:, None]).ravel(), counts.size).reshape(counts.shape)
    hits += np.bincount(flat[np.arange(n), target], each, counts.size).reshape(counts.shape)


def row_hash(logits: Array) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each row's bits (float32 or float64): Σ (2k+1)-th odd multiplier × 32-bit word k, mixed.

    Rows that are the same bit for bit have the same hash; -0.0 and 0.0 differ.
    """
    words = np.ascontiguousarray(logits).view(np.uint32)
    multipliers = mix64(np.arange(1, words.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    sums = np.zeros(len(words), dtype=np.uint64)
    for start in range(0, words.shape[1], 64):  # a few columns at a time: the product is twice as wide as the words
        part = slice(start, start + 64)
        sums += (words[:, part] * multipliers[part]).sum(axis=1, dtype=np.uint64)
    return mix64(sums)


def mix64(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the finaliser of SplitMix64 (Steele, Lea & Flood 2014), a bijection of words that spreads every bit."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
