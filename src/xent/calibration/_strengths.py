"""The strengths of structured scaling's penalties, chosen by cross-validated log loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.calibration._convex import Diagonal, Form, Full, Rows, minimise
from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
#: Logits, labels and weights to learn from → what makes features of logits.
LearnFeatures = Callable[[Array, Int64, Float64], Callable[[Array], Float64]]

_FOLDS = 5
_ENTRIES = 1_000_000  # of the logits, at most, that the choice looks at: a strength does not depend on how many
_MULTIPLES = (64.0, 16.0, 4.0, 1.0, 0.25, 0.0625)
_TOLERANCE = 1e-5  # of fits whose held-out loss is only compared


class _Fold:
    """The rows of one fold, held out, and the fit to the others that was kept last."""

    def __init__(self, train: Rows, held_out: Float64, target: Int64) -> None:
        self.train, self.held_out, self.target = train, held_out, target
        self.theta = self._trial = np.zeros(0)

    def losses(self, form: Form, strengths: Float64) -> Float64:
        """Return the loss of each row held out after a fit of these strengths to the others."""
        start = self.theta if self.theta.shape == strengths.shape else None
        self._trial = minimise(self.train, form, strengths, start, _TOLERANCE).theta
        z = self.held_out + form.apply(self.held_out, self._trial)
        stats = backend_for(z).row_stats(z, self.target)
        result: Float64 = stats.log_sum - stats.target_logit
        return result

    def keep(self) -> None:
        self.theta = self._trial


def choose(
    logits: Array,
    target: Int64,
    weight: Float64,
    learn_features: LearnFeatures,
    given: Mapping[str, float | None],
    units: Mapping[str, float],
) -> dict[str, float]:
    """Return a strength for every part of ``given``, a chosen one where it has None.

    A part starts at an infinite strength, that is without it, and goes down the multiples of its unit for as long as
    each lowers the loss of the rows held out by more than the standard error of that difference. Row i is in fold
    i mod 5; where there are more rows than are needed, evenly spaced ones are looked at.
    """
    strengths = {part: math.inf if value is None else value for part, value in given.items()}
    parts = [part for part, value in given.items() if value is None]
    if not parts or len(target) < 2 * _FOLDS:
        return strengths
    n_classes = logits.shape[1]
    some = slice(None, None, math.ceil(logits.size / _ENTRIES))
    logits, target, weight = logits[some], target[some], weight[some]
    folds, weights = [], []
    for k in range(_FOLDS):
        out = np.arange(len(target)) % _FOLDS == k
        features = learn_features(logits[~out], target[~out], weight[~out])
        folds.append(
            _Fold(Rows(logits[~out], target[~out], weight[~out], features), features(logits[out]), target[out])
        )
        weights.append(weight[out])
    each = np.concatenate(weights)

    def held_out(trial: Mapping[str, float]) -> Float64:
        form = form_of(trial, n_classes)
        return np.concatenate([fold.losses(form, form.strengths(**trial)) for fold in folds])

    best = held_out(strengths)
    for part in parts:
        for multiple in _MULTIPLES:
            trial = {**strengths, part: multiple * units[part]}
            losses = held_out(trial)
            if not _is_lower(losses - best, each):
                break
            strengths, best = trial, losses
            for fold in folds:
                fold.keep()
    return strengths


def _is_lower(difference: Float64, weight: Float64) -> bool:
    """Say whether the weighted mean is below 0 by more than its standard error."""
    mean = float((weight * difference).sum() / weight.sum())
    return mean < -math.sqrt(float(np.square(weight * (difference - mean)).sum())) / float(weight.sum())


def form_of(strengths: Mapping[str, float], n_classes: int) -> Form:
    """Return the smallest form that has every part of finite strength."""
    return Diagonal(n_classes) if math.isinf(strengths["off_diagonal"]) else Full(n_classes)
