"""What the tests of the compiled kernels share: arrays of every layout, the truth in 40 digits, and what is near."""

from __future__ import annotations

from typing import NamedTuple

import mpmath
import numpy as np
from hypothesis import strategies as st

DTYPES = (np.float64, np.float32, np.float16)
HOSTILE = (0.0, -0.0, 1e4, -1e4, 5e-324, 1e-310, -1e-16, 1e-16, 1e30, -1e30, np.inf, -np.inf, np.nan)

MP = mpmath.mp.clone()
MP.dps = 40


# ---- the truth -------------------------------------------------------------------------------------------------------


class Truth(NamedTuple):
    """A row by definition, each number rounded once to float64; of classes where it is an array."""

    max: float
    size: float  # the largest number that z is the sum of
    log_sum: float
    relative: np.ndarray  # z - max
    nll: np.ndarray
    probs: np.ndarray
    others: np.ndarray  # 1 - probs
    expected: float  # Σ p (z - max)
    slope: np.ndarray  # dz / dlogits


def truth(row, scale=1.0, softcap=None, offset=None):
    """What a row that has a distribution is. Without an offset, logits that are alike are looked at once."""
    values, inverse, counts = row.astype(np.float64), np.arange(len(row)), np.ones(len(row), int)
    if offset is None:
        values, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    z, slope = [], []
    for value, shift in zip(
        values.tolist(), np.broadcast_to(0.0 if offset is None else offset, values.shape), strict=True
    ):
        x, by = MP.mpf(value), MP.mpf(scale)
        if softcap is not None:
            x, by = softcap * MP.tanh(x / softcap), by * MP.sech(x / softcap) ** 2
        z.append(scale * x + float(shift))
        slope.append(by)
    top = max(z)
    first = z.index(top)
    counts = counts.tolist()
    exps = [MP.exp(each - top) for each in z]
    rest = MP.fsum((count - (k == first)) * exps[k] for k, count in enumerate(counts))
    log_sum = MP.log1p(rest)
    expected = MP.fsum(count * exps[k] * (z[k] - top) for k, count in enumerate(counts)) / (1 + rest)

    def every(values):
        return np.array([float(value) for value in values])[inverse]

    return Truth(
        max=float(top),
        size=max(abs(float(each)) for each in z) + (0.0 if offset is None else np.abs(offset).max()),
        log_sum=float(log_sum),
        relative=every(each - top for each in z),
        nll=every(log_sum - (each - top) for each in z),
        probs=every(each / (1 + rest) for each in exps),
        others=every((rest if k == first else 1 + (rest - each)) / (1 + rest) for k, each in enumerate(exps)),
        expected=float(expected),
        slope=every(slope),
    )


# ---- how near --------------------------------------------------------------------------------------------------------


def ulp(values, dtype):
    """How far apart the numbers of a type are at these values."""
    info = np.finfo(dtype)
    _, exponent = np.frexp(np.abs(np.asarray(values, np.float64)))
    return np.ldexp(1.0, np.maximum(exponent - 1, info.minexp) - info.nmant)


def computing(dtype):
    """What numbers stored as ``dtype`` are computed in."""
    return np.float64 if dtype == np.float64 else np.float32


def assert_within(actual, expected, bound):
    """Equal where not finite, else no further than ``bound`` apart; 1e-300 is as good as 0."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    error, bound = np.abs(actual[finite] - expected[finite]), np.broadcast_to(bound, expected.shape)[finite] + 1e-300
    if not (error <= bound).all():
        worst = np.argmin(error <= bound)
        raise AssertionError(f"{actual[finite][worst]!r} for {expected[finite][worst]!r}, beyond {bound[worst]}")


# ---- layouts ---------------------------------------------------------------------------------------------------------


@st.composite
def layouts(draw, n_axes):
    """Where the axes of an array lie: their order in memory, each one's step, and which is an expanded one, if any."""
    return {
        "order": draw(st.one_of(st.just(tuple(range(n_axes))), st.permutations(range(n_axes)))),
        "steps": draw(st.one_of(st.just((1,) * n_axes), st.tuples(*[st.sampled_from([1, 1, 2, 3, -1, -2])] * n_axes))),
        "expanded": draw(st.sampled_from([None, None, None, *range(n_axes - 1)])),
    }


def laid_out(values, order, steps, expanded=None):
    """The same numbers (or of an expanded axis the first) with NaN, or what integers have for it, between them."""
    memory = np.full([values.shape[axis] * abs(steps[axis]) for axis in order], 77, values.dtype)
    if values.dtype.kind == "f":
        memory[...] = np.nan
    view = memory.transpose(np.argsort(order))[tuple(slice(None, None, step) for step in steps)]
    view[...] = values
    if expanded is not None:
        view = np.broadcast_to(view[(slice(None),) * expanded + (slice(1),)], view.shape)
    return view
