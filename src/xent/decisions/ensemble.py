"""Ensembles: what several models say of the same rows together, and how far they disagree.

Every function takes the members' **logits**: an array (M, n, K), or a list of M arrays (n, K), of any real dtype; not
probabilities (pass their logarithm). Members count alike. Results are float64, computed in float64, entropies in nats.
A row in which some member has no distribution (NaN or +inf among its logits, or all -inf) is NaN throughout. Beside
the result little is held at a time: rows go in pieces.

The predictive entropy, of the mean distribution, is the sum of two parts: what every member is unsure of, and what they
disagree about.

    H(mean_m p_m)  =  mean_m H(p_m)  +  mean_m KL(p_m ‖ mean)
    predictive        expected          mutual information
    (total)           ("aleatoric")     ("epistemic")

Source: Depeweg et al. 2018 (arXiv:1710.07283); Lakshminarayanan, Pritzel & Blundell 2017 (arXiv:1612.01474).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._pieces import pieces
from xent.errors import ShapeError
from xent.information import _kl
from xent.kernels import backend_for

__all__ = [
    "disagreement",
    "expected_entropy",
    "log_mean_probs",
    "mean_logits",
    "mean_probs",
    "mutual_information",
    "predictive_entropy",
    "vote_share",
]

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def _members(function: str, logits: ArrayLike) -> list[Array]:
    """Return the members' logits, each (n, K), without a copy of what are float arrays."""
    if isinstance(logits, (list, tuple)):
        members = [_validate.floating(function, "logits", each) for each in logits]
    else:
        array = _validate.floating(function, "logits", logits)
        members = list(array) if array.ndim > 0 else [array]
    shapes = sorted({each.shape for each in members})
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] == 0:
        got = "no member" if not shapes else "members of shapes " + ", ".join(str(shape) for shape in shapes)
        raise ShapeError(
            function,
            f"logits must have shape (members, rows, classes), or be a list of arrays (rows, classes); got {got}",
            "one array (rows, classes) a member, all of one shape",
        )
    return members


def _by_row(function: str, logits: ArrayLike, compute: Callable[[Float64], Float64], *, wide: bool) -> Float64:
    """Return what ``compute`` makes of float64 logits (M, rows, K): (n, K) where ``wide``, else (n,)."""
    members = _members(function, logits)
    n, n_classes = members[0].shape
    result = np.empty((n, n_classes) if wide else n)
    for part in pieces(n, n_classes * len(members)):
        result[part] = compute(np.stack([each[part].astype(np.float64, copy=False) for each in members]))
    return result


def _softmax(z: Float64, log: bool = False) -> Float64:
    rows: Float64 = backend_for(z).row_softmax(z, log=log)
    return rows


def mean_probs(logits: ArrayLike) -> Float64:
    """Mean of the members' probabilities: (1/M) Σ_m softmax(z_m). The usual ensemble, a mixture.

    Parameters
    ----------
    logits
        (M, n, K), or a list of M arrays (n, K).

    Returns
    -------
    float64 (n, K), each row summing to 1 within rounding.

    Raises
    ------
    ShapeError, DtypeError
        No member, or members that are not (n, K) or of several shapes; not real numbers.

    See Also
    --------
    log_mean_probs : its logarithm, for what takes logits.

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.mean_probs([[[0.0, 0.0]], [[0.0, np.log(3.0)]]])
    array([[0.375, 0.625]])
    """
    return _by_row("mean_probs", logits, lambda z: _softmax(z).mean(axis=0), wide=True)


def log_mean_probs(logits: ArrayLike) -> Float64:
    """Logarithm of :func:`mean_probs`, in nats: logits of the ensemble, to be calibrated or scored as a model's are.

    Parameters and errors are those of :func:`mean_probs`.

    Returns
    -------
    float64 (n, K) in [-inf, 0]. Probabilities that underflow keep their logarithm, and one that rounds to 1 that of its
    small distance: -1e-30, not 0.

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.log_mean_probs([[[0.0, 1000.0]], [[0.0, 1100.0]]])
    array([[-1000.69314718,     0.        ]])
    """
    return _by_row("log_mean_probs", logits, _log_mean, wide=True)


def _log_mean(z: Float64) -> Float64:
    log_p = _softmax(z, log=True)
    top = log_p.max(axis=0)
    with np.errstate(invalid="ignore"):
        mean: Float64 = np.exp(log_p - np.where(np.isneginf(top), 0.0, top)).mean(axis=0)
    with np.errstate(divide="ignore"):
        result: Float64 = top + np.log(mean)
    # Near 0 the logarithm of the largest is the small sum of the others.
    p = np.exp(result)
    first = np.arange(len(p)), p.argmax(axis=1)
    others = p.copy()
    others[first] = 0.0
    rest = others.sum(axis=1)
    result[first] = np.where(rest < 0.5, np.log1p(-np.minimum(rest, 0.5)) + 0.0, result[first])
    return result


def mean_logits(logits: ArrayLike) -> Float64:
    """Log-probabilities of the members' normalised geometric mean: log softmax of (1/M) Σ_m z_m.

    Parameters and errors are those of :func:`mean_probs`.

    Returns
    -------
    float64 (n, K) in [-inf, 0], in nats, each row's exponentials summing to 1: logits of the ensemble. A class to which
    one member gives probability 0 has 0; a row in which every class has such a member is NaN.

    See Also
    --------
    mean_probs : the arithmetic mean, in which one member cannot rule a class out.

    Notes
    -----
    Source: Hinton 2002, products of experts (doi:10.1162/089976602760128018).

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> np.exp(ensemble.mean_logits([[[0.0, 0.0]], [[0.0, np.log(9.0)]]]))
    array([[0.25, 0.75]])
    """
    # The mean of normalised logits: raw ones of very different levels would lose digits to one another.
    return _by_row("mean_logits", logits, lambda z: _softmax(_softmax(z, log=True).mean(axis=0), log=True), wide=True)


def predictive_entropy(logits: ArrayLike) -> Float64:
    """Entropy of the mean distribution of each row, H((1/M) Σ_m p_m), in nats: all uncertainty there is.

    Parameters and errors are those of :func:`mean_probs`.

    Returns
    -------
    float64 (n,) in [0, log K]. Small entropies keep their digits.

    See Also
    --------
    mutual_information : the part that is the members' disagreement.

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.predictive_entropy([[[100.0, 0.0]], [[0.0, 100.0]]])  # log 2
    array([0.69314718])
    """
    return _by_row("predictive_entropy", logits, lambda z: _entropy(_log_mean(z)), wide=False)


def _entropy(log_p: Float64) -> Float64:
    with np.errstate(invalid="ignore"):
        terms = np.exp(log_p) * -log_p
    terms[np.isneginf(log_p)] = 0.0
    total: Float64 = terms.sum(axis=-1) + 0.0
    return total


def expected_entropy(logits: ArrayLike) -> Float64:
    """Mean of the members' entropies in each row, (1/M) Σ_m H(p_m), in nats: what each of them is unsure of.

    Parameters and errors are those of :func:`mean_probs`.

    Returns
    -------
    float64 (n,) in [0, log K], at most :func:`predictive_entropy`.

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.expected_entropy([[[0.0, 0.0]], [[0.0, 100.0]]])  # (log 2 + 0) / 2
    array([0.34657359])
    """
    return _by_row("expected_entropy", logits, lambda z: _entropy(_softmax(z, log=True)).mean(axis=0), wide=False)


def mutual_information(logits: ArrayLike) -> Float64:
    """Mutual information of class and member in each row, (1/M) Σ_m KL(p_m ‖ mean), in nats: their disagreement.

    It is :func:`predictive_entropy` less :func:`expected_entropy`, not computed as that difference, which would be
    rounding where members are of one mind. It is also the Jensen-Shannon divergence of the members, and BALD's score.

    Parameters and errors are those of :func:`mean_probs`.

    Returns
    -------
    float64 (n,) in [0, log min(M, K)]; 0 where all members agree, as one member does.

    Notes
    -----
    Source: Houlsby et al. 2011 (arXiv:1112.5745).

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.mutual_information([[[0.0, 0.0], [100.0, 0.0]], [[0.0, 0.0], [0.0, 100.0]]])
    array([0.        , 0.69314718])
    """

    def compute(z: Float64) -> Float64:
        p = _softmax(z)
        mean: Float64 = _kl(p, np.broadcast_to(p.mean(axis=0), p.shape)).mean(axis=0)
        return mean

    return _by_row("mutual_information", logits, compute, wide=False)


def vote_share(logits: ArrayLike) -> Float64:
    """Share of the members that predict each class: (1/M) #{m : argmax z_m = k}, the first of equals.

    Parameters and errors are those of :func:`mean_probs`.

    Returns
    -------
    float64 (n, K), each row summing to 1. ``1 - vote_share(logits).max(axis=1)`` is the variation ratio: how many do
    not go with the majority.

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.vote_share([[[3.0, 1.0]], [[2.0, 1.0]], [[0.0, 1.0]], [[5.0, 1.0]]])
    array([[0.75, 0.25]])
    """
    return _by_row("vote_share", logits, lambda z: _votes(z) / len(z), wide=True)


def _votes(z: Float64) -> Float64:
    n, n_classes = z.shape[1:]
    cells = (np.arange(n) * n_classes + z.argmax(axis=2)).ravel()
    votes = np.bincount(cells, minlength=n * n_classes).reshape(n, n_classes).astype(np.float64)
    votes[~np.isfinite(z.max(axis=2)).all(axis=0)] = np.nan
    return votes


def disagreement(logits: ArrayLike) -> Float64:
    """Share of the pairs of members that predict different classes, (M² - Σ_k v_k²) / (M (M - 1)), v_k votes for k.

    Parameters and errors are those of :func:`mean_probs`; it needs at least two members.

    Returns
    -------
    float64 (n,) in [0, 1]: 0 where all predict the same class, 1 where no two do. It sees predictions only:
    :func:`mutual_information` sees probabilities.

    Notes
    -----
    Source: Skalak 1996; Kuncheva & Whitaker 2003 (doi:10.1023/A:1022859003006).

    Examples
    --------
    >>> from xent.decisions import ensemble
    >>> ensemble.disagreement([[[3.0, 1.0]], [[2.0, 1.0]], [[0.0, 1.0]]])  # 2 of 3 pairs
    array([0.66666667])
    """
    n_members = len(_members("disagreement", logits))
    if n_members < 2:
        raise ShapeError(
            "disagreement", "logits must hold at least two members; got 1", "one has nobody to disagree with"
        )

    def compute(z: Float64) -> Float64:
        agreeing = np.square(_votes(z)).sum(axis=1)
        return np.asarray((n_members**2 - agreeing) / (n_members * (n_members - 1)))

    return _by_row("disagreement", logits, compute, wide=False)
