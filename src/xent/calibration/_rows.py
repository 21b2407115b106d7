"""The rows that a calibrator learns from, checked."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import DtypeError, OptionError, ShapeError

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_MOST = 1e100  # the sums of squares and cubes of larger logits are no numbers


class CalibrationRows(NamedTuple):
    """The rows that a calibrator learns from: those with a label, logits (n, K) or (n,), and a weight or None."""

    logits: Array
    target: Int64
    weight: Float64 | None

    @property
    def weights(self) -> Float64:
        """The weights, 1 each where there are none."""
        return np.ones(len(self.target)) if self.weight is None else self.weight


def read_rows(
    function: str,
    logits: ArrayLike,
    target: ArrayLike,
    sample_weight: ArrayLike | None,
    *,
    ignore_index: int,
    takes_vector: bool,
    takes_minus_inf: bool,
) -> tuple[CalibrationRows, NDArray[np.bool_]]:
    """Return the rows with a label and a weight, and which of all they are, having checked every argument."""
    z = _validate.floating(function, "logits", logits)
    if not (z.ndim == 1 and takes_vector):
        _validate.rows(function, "logits", z)
    two_columns = z.shape if z.ndim == 2 else (len(z), 2)
    if two_columns[1] < 2:
        raise ShapeError(
            function,
            f"logits must have a column for each of two classes or more; got shape {z.shape}",
            "for one logit a row pass shape (rows,) to a calibrator of two classes, such as PlattScaling",
        )
    target = _validate.as_array(function, "target", target)
    if target.dtype == np.bool_ and target.ndim == 1:
        target = target.astype(np.int64)  # False is class 0, True class 1
    if not _validate.is_class_index(function, target, two_columns, 1):
        raise DtypeError(
            function,
            f"target must be class indices, one a row; got shape {np.shape(target)}",
            "take argmax, or repeat rows with weights",
        )
    index = _validate.class_indices(function, target, two_columns[1], ignore_index)
    weight = None
    keep = index >= 0
    if sample_weight is not None:
        weight = _validate.sample_weights(function, sample_weight, index.shape)
        keep &= weight > 0
    if not keep.all():
        z, index = z[keep], index[keep]
        weight = None if weight is None else weight[keep]
    if len(index) == 0:
        raise ShapeError(function, "logits must have at least one row with a label and a weight above 0; got none")
    _check_finite(function, z, keep, takes_minus_inf)
    if not takes_minus_inf and max(float(z.max()), -float(z.min())) > _MOST:
        size = np.abs(z).reshape(len(z), -1).max(axis=1)
        first = int((size > _MOST).argmax())
        raise OptionError(
            function,
            f"logits must be at most {_MOST:g} in size; got {size[first]:g} at row {int(np.flatnonzero(keep)[first])}",
            "divide them by a number, here and in transform()",
        )
    return CalibrationRows(z, index, weight), keep


def _check_finite(function: str, z: Array, kept: NDArray[np.bool_], takes_minus_inf: bool) -> None:
    """Refuse rows that have no distribution, or only finite logits, by their number among the caller's."""
    if math.isfinite(float(z.max())) and math.isfinite(float(z.min())):
        return
    if z.ndim == 1:  # one logit a row: a sigmoid has a limit at both infinities
        bad = np.isnan(z) if takes_minus_inf else ~np.isfinite(z)
        rule, worst = ("not be NaN" if takes_minus_inf else "be finite"), z
    elif takes_minus_inf or not np.isfinite(z.max(axis=1)).all():
        worst = z.max(axis=1)
        bad = ~np.isfinite(worst)
        rule = "not be NaN, +inf or -inf throughout a row"
    else:
        worst = z.min(axis=1)
        bad = ~np.isfinite(worst)
        rule = "be finite"
    if not bad.any():
        return
    first = int(bad.argmax())
    lift = "a class of probability 0 has the logit -inf: from_probs(p, floor=1e-7) lifts it"
    raise OptionError(
        function,
        f"logits must {rule}; got {worst[first]:g} at row {int(np.flatnonzero(kept)[first])}",
        lift if rule == "be finite" else "leave such rows out",
    )
