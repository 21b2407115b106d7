"""Which rows a loss is taken over, where it is not all of them: online mining of hard examples.

A choice is a small frozen value, passed as ``mining=`` to a loss. The losses it looks at are constants to it: no
gradient flows through the choosing. Rows that are not kept have a weight of 0, in the mean's denominator too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xent import _validate
from xent._arrays import framework, namespace
from xent.errors import OptionError


@dataclass(frozen=True)
class Hardest:
    """Keep the hardest fraction: of n rows that take part, the ⌈fraction · n⌉ of largest loss.

    Parameters
    ----------
    fraction
        In (0, 1]; 1 keeps all.

    Notes
    -----
    Of equal losses the first are kept; a NaN is the hardest of all. Source: Shrivastava et al. 2016
    (doi:10.1109/CVPR.2016.89).

    Examples
    --------
    >>> import xent
    >>> logits = [[0.0, 0.0], [2.0, 0.0], [9.0, 0.0]]
    >>> xent.cross_entropy(logits, [0, 0, 0], mining=xent.Hardest(0.5), reduction="none").round(4)
    array([0.6931, 0.1269, 0.    ])
    """

    fraction: float

    def __post_init__(self) -> None:
        """Check the parameter."""
        _validate.share("Hardest", "fraction", self.fraction)
        _validate.positive("Hardest", "fraction", self.fraction)

    def keep(self, values: Any, positive: Any, live: Any) -> Any:
        """Return which entries are kept; see :func:`HardNegatives.keep`, ``positive`` is not looked at."""
        return _hardest(values, live, _ceil(self.fraction, live.sum()))


@dataclass(frozen=True)
class HardNegatives:
    """Keep every positive, and the hardest negatives: ⌈ratio · positives⌉ of them.

    Parameters
    ----------
    ratio
        Negatives for each positive, ≥ 0; 3 is usual.
    background
        The class that is negative: the target of a negative row, or where a probability target has its largest entry.
        Sigmoid targets need none: an entry is positive from 0.5 on.
    at_least
        Negatives to keep however few positives there are.

    Notes
    -----
    Of equal losses the first are kept; a NaN is the hardest of all. Source: Liu et al. 2016
    (doi:10.1007/978-3-319-46448-0_2).

    Examples
    --------
    >>> import xent
    >>> mining = xent.HardNegatives(ratio=1)
    >>> xent.binary_cross_entropy([2.0, 0.0, -1.0, 1.0], [1, 0, 0, 0], mining=mining, reduction="none").round(4)
    array([0.1269, 0.    , 0.    , 1.3133])
    """

    ratio: float
    background: int = 0
    at_least: int = 0

    def __post_init__(self) -> None:
        """Check the parameters."""
        _validate.non_negative("HardNegatives", "ratio", self.ratio)
        for argument in ("background", "at_least"):
            value = getattr(self, argument)
            if not isinstance(value, (int, np.integer)) or value < 0:
                raise OptionError("HardNegatives", f"{argument} must be an integer ≥ 0; got {value!r}", "0 is usual")

    def keep(self, values: Any, positive: Any, live: Any) -> Any:
        """Return which entries are kept, as booleans.

        Parameters
        ----------
        values
            The loss of each entry, with its weight; of any shape and framework.
        positive, live
            Booleans of that shape: which entries are positive, which take part at all.
        """
        positives = positive & live
        count = _ceil(self.ratio, positives.sum())
        most = namespace(values).where(count < self.at_least, self.at_least, count)
        return positives | _hardest(values, live & ~positive, most)


def _ceil(ratio: float, count: Any) -> Any:
    """Return ⌈ratio · count⌉, taking for a whole number what rounding alone keeps from being one."""
    xp = namespace(count)
    product = count * ratio
    whole = xp.round(product)
    return xp.where(abs(product - whole) <= 1e-6 * product, whole, xp.ceil(product))


def _hardest(values: Any, among: Any, count: Any) -> Any:
    """Return the ``count`` entries of largest value among some: of equals the first, NaN before all."""
    xp = namespace(values)
    flat = xp.where(xp.isnan(values), np.inf, values).reshape(-1)
    # Two stable sorts: by falling value, then those that are not to be chosen from behind all others.
    order = _stable_argsort(-flat)
    order = order[_stable_argsort((~among.reshape(-1)[order]) * 1)]
    rank = _stable_argsort(order)  # the inverse of a permutation
    return ((rank < count) & among.reshape(-1)).reshape(values.shape)


def _stable_argsort(values: Any) -> Any:
    if framework(values) == "numpy":
        return np.argsort(values, kind="stable")
    return namespace(values).argsort(values, stable=True)
