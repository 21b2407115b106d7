"""From probabilities back to logits: said, never sniffed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import OptionError

Float64 = NDArray[np.float64]


def from_probs(probs: ArrayLike, *, floor: float = 0.0) -> Float64:
    """Return logits whose softmax (of a vector: whose sigmoid) is these probabilities.

    ``log p`` of rows (n, K), ``log p - log(1 - p)`` of the probabilities of class 1, shape (n,). A calibrator works on
    logits and never guesses from their values what numbers are; who kept only probabilities says so with this.

    Parameters
    ----------
    probs
        Probabilities (n, K) whose rows sum to 1 within 0.01, as stored ones do, or (n,), each in [0, 1]: float16,
        float32 or float64. A NaN row stays NaN.
    floor
        Smaller probabilities are raised to it first (of a vector: brought into [floor, 1 - floor]). 0 keeps them: a
        class of probability 0 has the logit -inf, which some calibrators refuse. In [0, 0.5).

    Returns
    -------
    float64 logits of the shape of ``probs``: each the logarithm, correctly to a unit in the last place, of exactly the
    number that was stored, also of a float16. Rows are not normalised: a softmax does not mind.

    Raises
    ------
    ShapeError, OptionError, DtypeError
        Not (n, K) or (n,); rows that are no distribution; no numbers.

    Examples
    --------
    >>> from xent.calibration import from_probs
    >>> from_probs([[0.25, 0.75], [0.0, 1.0]]).round(4)
    array([[-1.3863, -0.2877],
           [   -inf,  0.    ]])
    """
    function = "from_probs"
    array = _validate.floating(function, "probs", probs)
    if not (isinstance(floor, int | float | np.floating) and 0.0 <= floor < 0.5):
        raise OptionError(function, f"floor must lie in [0, 0.5); got {floor!r}", "1e-7 is what a float32 tells from 1")
    if array.ndim == 1:
        _validate.probabilities(function, "probs", array)
        p: Any = array.astype(np.float64)
        if floor:
            p = p.clip(floor, 1.0 - floor)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(p) - np.log1p(-p), dtype=np.float64)
    _validate.rows(function, "probs", array)
    bad = ~(_validate.is_distribution(array) | np.isnan(array).any(axis=1))
    if bad.any():
        row = int(bad.argmax())
        least, total = array[row].min(), array[row].sum(dtype=np.float64)
        raise OptionError(
            function,
            "probs must be non-negative and sum to 1 within 0.01 over the classes; "
            f"got {f'{least:g}' if least < 0 else f'a sum of {total:g}'} at row {row} ({int(bad.sum())} such rows)",
            "logits go to a calibrator as they are",
        )
    p = array.astype(np.float64)
    if floor:
        np.maximum(p, floor, out=p)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p, out=p))
