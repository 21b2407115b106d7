"""What stands on the target's side of a loss: class weights from counts, probabilities from several annotators' votes.

NumPy arrays are checked, and computed in float64; PyTorch's tensors and JAX's arrays stay what they are, unchecked.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xent import _validate
from xent._arrays import framework, namespace
from xent.errors import DtypeError, OptionError, ShapeError, TargetError


def class_balanced_weights(counts: Any, beta: float = 0.999) -> Any:
    """Class weights by the effective number of samples: proportional to (1 - β) / (1 - β^n_k), their sum K.

    Parameters
    ----------
    counts
        n_k, the rows of each of the K classes in training, above 0, shape (K,).
    beta
        β in [0, 1]. 0 gives every class 1, 1 (the limit) weights proportional to 1/n_k.

    Returns
    -------
    Weights of shape (K,) for ``weight=``.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        No vector of numbers; a count that is not above 0; β outside [0, 1].

    Notes
    -----
    A mean divides class weights out again, so that only their ratios matter to it. Source: Cui et al. 2019
    (doi:10.1109/CVPR.2019.00949).

    Examples
    --------
    >>> import xent
    >>> xent.class_balanced_weights([5000, 500, 50]).round(4)
    array([0.1256, 0.317 , 2.5574])
    """
    function = "class_balanced_weights"
    beta = _validate.share(function, "beta", beta)
    if framework(counts) == "numpy":
        counts = _validate.floating(function, "counts", counts).astype(np.float64)
        if counts.ndim != 1 or len(counts) == 0:
            raise ShapeError(
                function, f"counts must have shape (K,); got shape {counts.shape}", "pass one number a class"
            )
        if not (np.isfinite(counts) & (counts > 0)).all():
            wrong = int((~(np.isfinite(counts) & (counts > 0))).argmax())
            raise OptionError(
                function,
                f"counts must be finite and above 0; got {counts[wrong]:g} for class {wrong}",
                "a class without rows has no weight to be found: count it as 1",
            )
    xp = namespace(counts)
    if beta == 0.0:
        effective = xp.ones_like(counts * 1.0)
    elif beta == 1.0:
        effective = counts * 1.0
    else:
        effective = -xp.expm1(counts * math.log(beta)) / (1.0 - beta)
    each = 1.0 / effective
    return each * (len(counts) / each.sum())


def votes_to_probs(votes: Any, *, n_classes: int | None = None, prior: float = 0.0) -> Any:
    """Probabilities of the classes from the votes of several annotators: (votes_k + prior) / Σ_j (votes_j + prior).

    Parameters
    ----------
    votes
        With ``n_classes``: class indices of shape (…, annotators), negative where an annotator has no vote. Without:
        the number of votes for each class, ≥ 0, of shape (…, K).
    n_classes
        K.
    prior
        Votes ≥ 0 that each class has beforehand; 1 is Laplace's rule. It keeps a few votes from being certainty.

    Returns
    -------
    Probabilities of shape (…, K), a target of :func:`xent.cross_entropy`. A row without any vote is uniform under a
    prior; without one it is refused (NaN in PyTorch's and JAX's arrays).

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        No axis of votes; not numbers; a vote for no class, a negative count, a row without votes (with the row); a
        prior below 0.

    Examples
    --------
    >>> import xent
    >>> xent.votes_to_probs([[0, 0, 1], [2, 2, -1]], n_classes=3).round(3)
    array([[0.667, 0.333, 0.   ],
           [0.   , 0.   , 1.   ]])
    >>> xent.votes_to_probs([[2, 1, 0]], prior=1.0).round(3)
    array([[0.5  , 0.333, 0.167]])
    """
    function = "votes_to_probs"
    prior = _validate.non_negative(function, "prior", prior)
    if n_classes is not None and not (isinstance(n_classes, (int, np.integer)) and n_classes >= 1):
        raise OptionError(
            function, f"n_classes must be an integer ≥ 1; got {n_classes!r}", "leave it out where votes are counts"
        )
    checked = framework(votes) == "numpy"
    if checked:
        votes = _checked_votes(function, votes, n_classes)
    counts = votes if n_classes is None else _counted(votes, n_classes)
    counts = counts + prior
    total = counts.sum(-1)[..., None]
    if checked and not (total > 0).all():
        raise TargetError(
            function,
            f"votes must hold at least one vote a row; got none at row {int((total.reshape(-1) == 0).argmax())}",
            "leave the row out, or give every class a prior",
        )
    return counts / total


def _checked_votes(function: str, votes: Any, n_classes: int | None) -> Any:
    array = _validate.as_array(function, "votes", votes)
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ShapeError(
            function,
            f"votes must have a last axis of annotators, or of classes; got shape {array.shape}",
            "pass one row of votes an example",
        )
    rows = array.reshape(-1, array.shape[-1])
    if n_classes is None:
        counts = _validate.floating(function, "votes", array).astype(np.float64)
        wrong = ~(np.isfinite(rows) & (rows >= 0)).all(axis=1)
        rule, hint = "finite and not negative where they are counts", "class indices need n_classes="
    else:
        if array.dtype.kind not in "iu":
            raise DtypeError(
                function,
                f"votes must be integers where they are class indices; got dtype {array.dtype}",
                "leave n_classes out where they are counts",
            )
        counts = array
        wrong = (rows >= n_classes).any(axis=1)
        rule, hint = f"below n_classes={n_classes}", "classes are numbered from 0; a negative number is no vote"
    if wrong.any():
        row = int(wrong.argmax())
        raise TargetError(function, f"votes must be {rule}; got {rows[row].tolist()} at row {row}", hint)
    return counts


def _counted(votes: Any, n_classes: int) -> Any:
    """Return how many of the votes along the last axis are for each class; one annotator after the other."""
    xp = namespace(votes)
    classes = xp.arange(n_classes) if framework(votes) != "torch" else xp.arange(n_classes, device=votes.device)
    return sum((votes[..., each, None] == classes) * 1.0 for each in range(votes.shape[-1]))
