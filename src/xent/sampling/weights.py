"""How often each row is drawn: weights for a sampler with replacement, and the class shares they lead to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import DtypeError, OptionError, ShapeError, TargetError
from xent.targets import class_balanced_weights

Float64 = NDArray[np.float64]


def sampler_weights(
    target: ArrayLike,
    *,
    method: str = "balanced",
    beta: float = 0.999,
    power: float = 0.5,
    threshold: float = 1e-3,
    sample_weight: ArrayLike | None = None,
    n_classes: int | None = None,
    ignore_index: int = -100,
) -> Float64:
    """Probability of each row to be drawn, so that rare classes are drawn more often; the sum is 1.

    With n_k rows in class k and n rows in all, a row of class k is drawn in proportion to

    - ``"balanced"``: 1 / n_k; every class that has rows is drawn equally often;
    - ``"effective"``: (1 - β) / (1 - β^n_k), the weights of :func:`xent.class_balanced_weights`;
    - ``"power"``: n_k^-power; class k is drawn in proportion to n_k^(1 - power), 0.5 being square-root sampling;
    - ``"repeat"``: max(1, √(threshold · n / n_k)), the repeat factor of the LVIS data set.

    Parameters
    ----------
    target
        Class indices (n,). For ``"repeat"`` also booleans (n, K), several labels a row: the row's factor is that of
        its rarest label, 1 if it has none.
    method
        ``"balanced"``, ``"effective"``, ``"power"`` or ``"repeat"``.
    beta
        β of ``"effective"``, in [0, 1]: 0 draws every row equally often, 1 is ``"balanced"``.
    power
        Of ``"power"``, in [0, 1]: 0 draws every row equally often, 1 is ``"balanced"``.
    threshold
        Of ``"repeat"``, in [0, 1]: the share of rows below which a class is repeated.
    sample_weight
        Weights ≥ 0 of the rows (n,): n_k and n are their sums, and a row is drawn in proportion to its own too.
    n_classes
        K, to check the target against; otherwise the largest class and those below it.
    ignore_index
        Rows of this target are never drawn.

    Returns
    -------
    Weights (n,), float64, for ``torch.utils.data.WeightedRandomSampler(weights, len(weights))`` or
    ``Generator.choice(n, p=weights)``. (torch draws from at most 2^24 rows.)

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Another shape; no integers; a class outside [0, K - 1]; no row to draw; an option out of its range.

    Notes
    -----
    A model trained on such draws has learnt their class shares q, not those of the data, π: at best it gives
    p(k | x) · q_k / π_k, normalised. :func:`sampled_prior` says q and π. Training with the loss's ``prior=q / π``
    undoes it, and so does adding log(π_k / q_k) to the logits afterwards; weighting the loss as well corrects twice.

    Sources: Cui et al. 2019 (doi:10.1109/CVPR.2019.00949); Gupta, Dollár & Girshick 2019
    (doi:10.1109/CVPR.2019.00550); Mahajan et al. 2018 for the square root (arXiv:1805.00932).

    Examples
    --------
    >>> from xent.sampling import sampler_weights
    >>> sampler_weights([0, 0, 0, 1]).round(4)
    array([0.1667, 0.1667, 0.1667, 0.5   ])
    """
    function = "sampler_weights"
    words = ("balanced", "effective", "power", "repeat")
    _validate.choice(function, "method", method, words, "each is a rule of how often a class is drawn")
    beta, power = _validate.share(function, "beta", beta), _validate.share(function, "power", power)
    threshold = _validate.share(function, "threshold", threshold)
    labels = _validate.as_array(function, "target", target)
    if method == "repeat" and labels.ndim == 2 and labels.dtype == np.bool_:
        own = _own(function, sample_weight, len(labels))
        factors = _repeat_factors(own @ labels, threshold, float(own.sum()))
        return _normalised(function, own * np.where(labels, factors, 1.0).max(axis=1, initial=1.0))
    classes, n_classes = _classes(function, labels, n_classes, ignore_index)
    own = _own(function, sample_weight, len(classes)) * (classes >= 0)
    counts = _class_sums(classes, own, n_classes)
    each, present = np.zeros(n_classes), counts > 0
    if not present.any():
        return _normalised(function, own)  # which says that there is nothing to draw
    if method == "repeat":
        each[present] = _repeat_factors(counts[present], threshold, float(counts.sum()))
    elif method == "effective":
        each[present] = class_balanced_weights(counts[present], beta)
    else:
        each[present] = counts[present] ** -(1.0 if method == "balanced" else power)
    return _normalised(function, own * each[classes])


def sampled_prior(
    target: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    n_classes: int | None = None,
    ignore_index: int = -100,
) -> Float64:
    """Class shares of rows drawn with these weights: q_k = Σ_{target = k} w / Σ w.

    Parameters
    ----------
    target
        Class indices (n,).
    weights
        Weights ≥ 0 of the rows (n,), from :func:`sampler_weights` or elsewhere; without them the shares π of the data.
    n_classes
        K; otherwise the largest class and those below it.
    ignore_index
        Rows of this target do not count.

    Returns
    -------
    Shares (K,), float64; their sum is 1.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Another shape; no integers; a class outside [0, K - 1]; no row with a weight above 0.

    Examples
    --------
    >>> from xent.sampling import sampled_prior, sampler_weights
    >>> target = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    >>> q = sampled_prior(target, sampler_weights(target, method="power"))
    >>> q, sampled_prior(target)
    (array([0.75, 0.25]), array([0.9, 0.1]))

    The loss that undoes the sampling:

    >>> import xent
    >>> round(xent.cross_entropy([[1.0, 0.0]], [0], prior=q / sampled_prior(target)), 4)
    0.7437
    """
    function = "sampled_prior"
    classes, n_classes = _classes(function, _validate.as_array(function, "target", target), n_classes, ignore_index)
    each = _own(function, weights, len(classes), "weights") * (classes >= 0)
    return _class_sums(classes, _normalised(function, each), n_classes)


def _class_sums(classes: NDArray[np.int64], each: Float64, n_classes: int) -> Float64:
    drawn = classes >= 0
    return np.bincount(classes[drawn], each[drawn], n_classes).astype(np.float64)


def _repeat_factors(counts: Float64, threshold: float, total: float) -> Float64:
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = np.sqrt(threshold * total / counts)
    return np.fmax(1.0, np.where(counts > 0, factors, 1.0))


def _classes(
    function: str, labels: NDArray[Any], n_classes: int | None, ignore_index: int
) -> tuple[NDArray[np.int64], int]:
    """Return the class indices, -1 where they are ignored, and K."""
    if labels.ndim != 1:
        raise ShapeError(
            function, f"target must have shape (rows,); got shape {labels.shape}", "pass one class index a row"
        )
    if labels.dtype.kind not in "iu" and labels.size > 0:
        raise DtypeError(
            function,
            f"target must be integers, the class indices; got dtype {labels.dtype}",
            "np.unique(labels, return_inverse=True)[1] numbers the classes of labels of another kind",
        )
    if n_classes is None:
        n_classes = max(1, int(labels[labels != ignore_index].max(initial=0)) + 1)
    elif not (isinstance(n_classes, (int, np.integer)) and n_classes >= 1):
        raise OptionError(
            function, f"n_classes must be an integer ≥ 1; got {n_classes!r}", "leave it out to count the classes seen"
        )
    return _validate.class_indices(function, labels.astype(np.int64), int(n_classes), ignore_index), int(n_classes)


def _own(function: str, values: ArrayLike | None, n_rows: int, argument: str = "sample_weight") -> Float64:
    return np.ones(n_rows) if values is None else _validate.weights(function, argument, values, (n_rows,))


def _normalised(function: str, each: Float64) -> Float64:
    if not each.any():
        raise TargetError(
            function,
            f"target must have a row that can be drawn; got {len(each)} rows, none of a weight above 0",
            "rows of ignore_index are never drawn",
        )
    shares: Float64 = each / each.max()  # their sum cannot overflow
    shares /= math.fsum(shares) if len(shares) < 1000 else shares.sum()
    return shares
