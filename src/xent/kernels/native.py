"""The kernels of :mod:`xent.kernels.numpy`, compiled (``src/core``): the same names, signatures and results.

This module gives the compiled functions what they insist on (contiguous rows, float64 coefficients, int64 class
indices, somewhere to write) and the number of threads. It serves float32 and float64 logits; importing it fails where
the C++ core was not built.

``XENT_ISA`` (baseline, v3 or v4: the levels of x86-64) caps the instruction set, which is otherwise the best of the
machine. Results of two levels may differ by an ulp; on one level they are the same bit for bit, however many threads
work and however the rows are cut into batches.
"""

from __future__ import annotations

import os
import sys

import numpy as np
from numpy.typing import NDArray

import xent.kernels._native as _native
from xent.kernels import numpy as spec
from xent.kernels.numpy import Array, Float64, RowScores, RowStats, odds_edges

__all__ = [
    "class_histogram",
    "level",
    "name",
    "odds_edges",
    "row_grad",
    "row_hash",
    "row_moments",
    "row_scores",
    "row_softmax",
    "row_stats",
    "supports",
    "threads",
]

name = "native"

_SMALL = 1 << 15  # elements: below it, waking threads costs more than they save
_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def _use_level() -> str:
    cap = os.environ.get("XENT_ISA") or "v4"
    if cap not in ("baseline", "v3", "v4"):
        raise ValueError(
            f"xent.kernels: the environment variable XENT_ISA must be baseline, v3 or v4; got {cap!r}\n\n"
            "hint: unset it to use the best that this machine has"
        )
    return _native.use_level(cap)


level = _use_level()  # the instruction-set level in use

_threads_lost = False  # a forked child inherits OpenMP's records of its threads, but not the threads


def _after_fork_in_child() -> None:
    global _threads_lost
    _threads_lost = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def supports(logits: Array) -> bool:
    """Return whether these kernels take logits of this dtype."""
    return logits.dtype in _DTYPES


def threads() -> int:
    """Return how many threads share a large piece of work: as many as torch's, else OMP_NUM_THREADS, else the cores."""
    if _threads_lost:
        return 1
    get_num_threads = getattr(sys.modules.get("torch"), "get_num_threads", None)
    if get_num_threads is not None:
        return int(get_num_threads())
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads_for(logits: Array) -> int:
    return 1 if logits.size < _SMALL else threads()


def _rows(matrix: Array) -> Array:
    """Return the matrix itself if each row is contiguous (rows may lie anywhere), else a contiguous copy."""
    itemsize = matrix.dtype.itemsize
    if matrix.strides[1] == itemsize and matrix.strides[0] % itemsize == 0 and matrix.flags.aligned:
        return matrix
    return np.array(matrix, order="C")


def _vector(values: Array) -> Float64:
    return np.require(values, np.float64, ["C", "A"])


def _vector_or_none(values: Array | None) -> Float64 | None:
    return None if values is None else _vector(values)


def _indices(target: Array) -> NDArray[np.int64]:
    return np.require(target, np.int64, ["C", "A"])


def _index_or_probs(target: Array | None) -> tuple[Array | None, Array | None]:
    """Return a target as (class indices, None), (None, matrix of weights) or (None, None)."""
    if target is None:
        return None, None
    if target.ndim == 1:
        return _indices(target), None
    return None, _rows(target if supports(target) else target.astype(np.float64))


def row_stats(
    logits: Array, target: Array | None = None, class_coef: Float64 | None = None, *, scale: float = 1.0
) -> RowStats:
    """Return the statistics of each row of ``scale * logits``; see :func:`xent.kernels.numpy.row_stats`."""
    if logits.size == 0:
        return spec.row_stats(logits, target, class_coef, scale=scale)
    stats = RowStats(*np.empty((4, len(logits))))
    index, probs = _index_or_probs(target)
    _native.row_stats(_rows(logits), index, probs, _vector_or_none(class_coef), scale, *stats, _threads_for(logits))
    return stats


def row_softmax(logits: Array, *, scale: float = 1.0, log: bool = False) -> Array:
    """Return softmax (or its logarithm) of each row; see :func:`xent.kernels.numpy.row_softmax`."""
    out = np.empty(logits.shape, logits.dtype)
    if out.size:
        _native.row_softmax(_rows(logits), scale, log, out, _threads_for(logits))
    return out


def row_grad(
    logits: Array,
    coef_softmax: Float64,
    coef_target: Float64,
    target: Array | None = None,
    coef_class: Float64 | None = None,
    class_coef: Float64 | None = None,
    *,
    scale: float = 1.0,
) -> Array:
    """Return the gradient that the three coefficients make; see :func:`xent.kernels.numpy.row_grad`."""
    out = np.empty(logits.shape, logits.dtype)
    if out.size:
        index, probs = _index_or_probs(target)
        _native.row_grad(
            _rows(logits),
            _vector(coef_softmax),
            _vector(coef_target),
            index,
            probs,
            _vector_or_none(coef_class),
            _vector_or_none(class_coef),
            scale,
            out,
            _threads_for(logits),
        )
    return out


def row_moments(logits: Array, *, scale: float = 1.0) -> tuple[Float64, Float64]:
    """Return mean and variance of ``logits - max`` under softmax; see :func:`xent.kernels.numpy.row_moments`."""
    if logits.size == 0:
        return spec.row_moments(logits, scale=scale)
    mean, variance = np.empty((2, len(logits)))
    _native.row_moments(_rows(logits), scale, mean, variance, _threads_for(logits))
    return mean, variance


def row_scores(logits: Array, target: Array, *, scale: float = 1.0) -> RowScores:
    """Return what each row's prediction is worth; see :func:`xent.kernels.numpy.row_scores`."""
    if logits.size == 0:
        return spec.row_scores(logits, target, scale=scale)
    nll, confidence, sum_squares = np.empty((3, len(logits)))
    predicted, rank = np.empty((2, len(logits)), np.int64)
    scores = RowScores(nll, confidence, predicted, rank, sum_squares)
    _native.row_scores(_rows(logits), _indices(target), scale, *scores, _threads_for(logits))
    return scores


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
    """Add every probability to the histogram of its class; see :func:`xent.kernels.numpy.class_histogram`."""
    if logits.size == 0:
        return
    _native.class_histogram(
        _rows(logits),
        _indices(target),
        _vector_or_none(weight),
        counts,
        hits,
        prob_sums,
        bits,
        scale,
        _threads_for(logits),
    )


def row_hash(logits: Array) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each row's bits; see :func:`xent.kernels.numpy.row_hash`."""
    if logits.size == 0:
        return spec.row_hash(logits)
    out = np.empty(len(logits), np.uint64)
    _native.row_hash(_rows(logits), out, _threads_for(logits))
    return out
