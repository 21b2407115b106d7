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
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import xent.kernels._native as _native
from xent.kernels import numpy as spec
from xent.kernels.numpy import Array, Float64, RowScores, RowStats, TemperatureSums, odds_edges

__all__ = [
    "SMALL",
    "class_histogram",
    "confidence_counts",
    "elements",
    "expect_writes",
    "level",
    "loss_of_entries",
    "loss_of_rows",
    "merged_axes",
    "name",
    "odds_edges",
    "reduced_loss",
    "row_grad",
    "row_hash",
    "row_scores",
    "row_softmax",
    "row_stats",
    "row_stats_and_grad",
    "rows",
    "supports",
    "temperature_sums",
    "threads",
    "xla_rows_handler",
]

name = "native"

#: The compiled functions themselves, for arrays that are no NumPy's: they take addresses, and trust them.
rows, reduced_loss, elements = _native.rows, _native.reduced_loss, _native.elements
expect_writes = _native.expect_writes

#: Returns the capsule that XLA takes for the rows of a loss.
xla_rows_handler = _native.xla_rows_handler

#: Elements below which waking threads costs more than they save.
SMALL = 1 << 15
_DTYPES = {np.dtype(np.float64): 0, np.dtype(np.float32): 1, np.dtype(np.float16): 2}
_INDEX_TYPES = {np.dtype(each): code for code, each in enumerate((np.int64, np.int32, np.int16, np.int8, np.uint8))}
_MOST_AXES = 6  # of a view beside the classes, once merged


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
    return 1 if logits.size < SMALL else threads()


def _matrix(matrix: Array) -> Array:
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


def merged_axes(shape: Sequence[int], strides: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return shape and strides of the fewest axes that walk through the same places in the same order."""
    merged: list[tuple[int, int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == stride * size:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    if not merged:
        return (1,), (0,)
    return tuple(size for size, _ in merged), tuple(stride for _, stride in merged)


def _address(array: Array | None) -> int:
    return 0 if array is None else int(array.__array_interface__["data"][0])


def _view(array: Array | None) -> tuple[Any, ...]:
    """Return an array (..., K) as the compiled functions take it: where it lies, whatever its strides."""
    if array is None:
        return ()
    shape, strides = merged_axes(array.shape[:-1], array.strides[:-1])
    n_rows = array.size // array.shape[-1]
    return (_address(array), _DTYPES[array.dtype], n_rows, array.shape[-1], array.strides[-1], shape, strides)


def _fits(array: Array) -> bool:
    return bool(array.flags.aligned) and len(merged_axes(array.shape[:-1], array.strides[:-1])[0]) <= _MOST_AXES


def _fitting(array: Array) -> Array:
    return array if _fits(array) else np.array(array, order="C")


def _expect(argument: str, values: Array | None, shape: tuple[int, ...]) -> None:
    """Refuse what would be read or written beyond its end."""
    if values is not None and values.shape != shape:
        raise ValueError(
            f"xent.kernels: {argument} must have shape {shape}; got {values.shape}\n\n"
            "hint: pass one entry for each row, each class, or each logit"
        )


def _outside(index: Array, row: int, n_classes: int) -> str:
    return (
        f"xent.kernels: target must lie in 0 … {n_classes - 1}; got {index[row]} at row {row}\n\n"
        "hint: count classes from 0, and check that target and logits have the same classes"
    )


def _column(values: Array | None) -> tuple[Float64 | None, int]:
    """Return one number a row as (float64 array, step): a broadcast number is passed as one."""
    if values is None:
        return None, 0
    if values.dtype == np.float64 and values.strides == (0,):
        return values, 0
    return np.require(values, np.float64, ["C", "A"]), 1


def _rows(
    logits: Array,
    target: Array | None,
    class_coef: Array | None,
    coefficients: tuple[Array | None, Array | None, Array | None],
    transform: tuple[float, float | None, Array | None],
    known: RowStats | None = None,
    wanted: RowStats | None = None,
    dlogits: Array | None = None,
) -> None:
    """Call the compiled kernel; what is ``wanted`` and ``dlogits`` are written into."""
    scale, softcap, offset = transform
    n_classes = logits.shape[-1]
    n_rows = logits.size // n_classes
    _expect("class_coef", class_coef, (n_classes,))
    _expect("offset", offset, (n_classes,))
    for argument, values in zip(("coef_softmax", "coef_target", "coef_class"), coefficients, strict=True):
        _expect(argument, values, (n_rows,))
    for values in () if known is None else known[:2]:
        _expect("stats", values, (n_rows,))

    index = probs = None
    if target is not None and target.ndim == 1:
        _expect("target", target, (n_rows,))
        index = np.require(target, np.int64, ["C", "A"])
    elif target is not None:
        _expect("target", target, logits.shape)
        probs = _fitting(target if target.dtype in _DTYPES else target.astype(np.float64))
    logits = _fitting(logits)
    gradient = dlogits if dlogits is None or _fits(dlogits) else np.empty(dlogits.shape, dlogits.dtype)
    offset = None if offset is None else np.require(offset, np.float64, ["C", "A"])
    class_coef, class_step = _column(class_coef)
    columns = [_column(each) for each in coefficients]
    results = wanted or RowStats(None, None, None, None)  # type: ignore[arg-type]
    known_max, known_log_sum = (None, None) if known is None else (_vector(known.max), _vector(known.log_sum))
    arguments: tuple[Any, ...] = (
        0,
        -1,
        True,  # a row without a target keeps its coefficients
        _view(probs),
        scale,
        softcap or 0.0,
        _address(offset),
        _address(class_coef),
        class_step,
        *(part for values, step in columns for part in (_address(values), step)),
        _address(known_max),
        _address(known_log_sum),
        *(_address(each) for each in results),
        0,
        0,
        _threads_for(logits),
    )
    outside = _native.rows(_view(logits), _view(gradient), _address(index), *arguments)
    if index is not None and outside >= 0 and index[outside] < 0:  # any negative index, not -1 alone, is none
        index = np.maximum(index, -1)
        outside = _native.rows(_view(logits), _view(gradient), _address(index), *arguments)
    if index is not None and outside >= 0:
        raise IndexError(_outside(index, outside, n_classes))
    if dlogits is not None and gradient is not dlogits:
        dlogits[...] = gradient


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
    """Return the statistics of each row of the transformed logits; see :func:`xent.kernels.numpy.row_stats`."""
    if logits.size == 0:
        return spec.row_stats(logits, target, class_coef, scale=scale, softcap=softcap, offset=offset, extras=extras)
    stats = _new_stats(logits, extras)
    _rows(logits, target, class_coef, (None, None, None), (scale, softcap, offset), wanted=stats)
    return stats


def _new_stats(logits: Array, extras: bool = False) -> RowStats:
    n = logits.size // logits.shape[-1]
    stats = RowStats(*np.empty((4, n)))
    return stats._replace(expected_logit=np.empty(n), predicted=np.empty(n, np.int64)) if extras else stats


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
    """Return the gradient that the three coefficients make; see :func:`xent.kernels.numpy.row_grad`."""
    dlogits = np.empty_like(logits)
    if dlogits.size:
        coefficients = (coef_softmax, coef_target, coef_class)
        _rows(logits, target, class_coef, coefficients, (scale, softcap, offset), known=stats, dlogits=dlogits)
    return dlogits


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
    """Return :func:`row_stats` and :func:`row_grad` of the same rows, read once."""
    if logits.size == 0:
        return spec.row_stats_and_grad(
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
    stats, dlogits = _new_stats(logits), np.empty_like(logits)
    coefficients = (coef_softmax, coef_target, coef_class)
    _rows(logits, target, class_coef, coefficients, (scale, softcap, offset), wanted=stats, dlogits=dlogits)
    return stats, dlogits


def loss_of_rows(
    logits: Array,
    target: Array,
    gradient: bool,
    *,
    ignore_index: int,
    mixture: tuple[float, float],
    curve: tuple[float, ...],
    z_loss: float,
    class_weight: Float64 | None,
    class_factor: Float64 | None,
    row_weight: Float64 | None,
    mean: bool,
    normalizer: float,
    when_empty: float,
    scale: float,
) -> tuple[float, Array | None, bool]:
    """Return the reduced loss of rows, its gradient where asked for, and whether all class indices are classes.

    A matrix target holds probabilities times the class weights. The rest is what ``reduced_loss`` in
    ``src/core/module.cpp`` says: numbers that the loss (:mod:`xent.losses`) and its options come to.
    """
    n_classes = logits.shape[-1]
    n_rows = logits.size // n_classes
    index = probs = None
    index_type = 0
    if target.ndim == 1:
        _expect("target", target, (n_rows,))
        index = np.require(target, None if target.dtype in _INDEX_TYPES else np.int64, ["C", "A"])
        index_type = _INDEX_TYPES[index.dtype]
    else:
        _expect("target", target, logits.shape)
        probs = _fitting(target if target.dtype in _DTYPES else target.astype(np.float64))
    _expect("row_weight", row_weight, (n_rows,))
    _expect("class_weight", class_weight, (n_classes,))
    _expect("class_factor", class_factor, (n_classes,))
    class_weight, class_factor, row_weight = map(_vector_or_none, (class_weight, class_factor, row_weight))
    dlogits = np.empty_like(logits) if gradient else None
    into = dlogits if dlogits is None or _fits(dlogits) else np.empty(dlogits.shape, dlogits.dtype)
    logits = _fitting(logits)
    value = np.empty(1)
    _, outside = _native.reduced_loss(
        _address(value),
        True,
        1.0,
        _view(into),
        _view(logits),
        _address(index),
        index_type,
        ignore_index,
        _view(probs),
        *mixture,
        curve,
        z_loss,
        _address(class_weight),
        _address(class_factor),
        _address(row_weight),
        mean,
        normalizer,
        when_empty,
        scale,
        0,
        _threads_for(logits),
    )
    if outside >= 0:
        return float("nan"), None, False
    if dlogits is not None and into is not None and into is not dlogits:
        dlogits[...] = into
    return float(value[0]), dlogits, True


def loss_of_entries(
    logits: Array,
    target: Array,
    share: float,
    gradient: bool,
    *,
    n_labels: int,
    scale: float,
    live: NDArray[np.bool_] | None,
    positive_weight: Float64 | None,
    weight: Float64 | None,
    row_weight: Float64 | None,
    factors: tuple[float, float],
    smoothing: float,
    powers: tuple[float, float, float],
) -> tuple[float, Array | None]:
    """Return ``share`` times the sum of the losses of sigmoid entries, and where asked for its gradient.

    The entries are rows of ``n_labels``, in C order; see ``ElementsTask`` in ``src/core/kernels.h`` for the rest.
    """
    _expect("target", target, logits.shape)
    _expect("live", live, logits.shape)
    _expect("positive_weight", positive_weight, (n_labels,))
    _expect("weight", weight, (n_labels,))
    _expect("row_weight", row_weight, (logits.size // n_labels,))
    dlogits = np.empty_like(logits) if gradient else None
    into = dlogits if dlogits is None or dlogits.flags.c_contiguous else np.empty(dlogits.shape, dlogits.dtype)
    logits = np.require(logits, None, ["C", "A"])
    if target.dtype.kind in "bui":
        target = np.require(target, np.bool_ if target.dtype == np.bool_ else np.uint8, ["C", "A"])
    else:
        target = np.require(target, target.dtype if target.dtype in _DTYPES else np.float64, ["C", "A"])
    live = None if live is None else np.require(live, np.bool_, ["C", "A"])
    positive_weight, weight, row_weight = map(_vector_or_none, (positive_weight, weight, row_weight))
    total = _native.elements(
        _address(logits),
        _DTYPES[logits.dtype],
        logits.size // n_labels,
        n_labels,
        scale,
        _address(target),
        _DTYPES.get(target.dtype, 0),
        target.dtype not in _DTYPES,
        _address(live),
        _address(positive_weight),
        _address(weight),
        _address(row_weight),
        *factors,
        smoothing,
        *powers,
        share,
        _address(into),
        _threads_for(logits),
    )
    if dlogits is not None and into is not None and into is not dlogits:
        dlogits[...] = into
    return share * total, dlogits


def row_softmax(
    logits: Array,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Float64 | None = None,
    log: bool = False,
) -> Array:
    """Return softmax (or its logarithm) of each row; see :func:`xent.kernels.numpy.row_softmax`."""
    out = np.empty_like(logits)
    if out.size:
        if softcap is not None or offset is not None:
            logits, scale = spec.transformed(logits, scale, softcap, offset), 1.0
        rows = _matrix(logits.reshape(-1, logits.shape[-1]))
        written = out if out.flags.c_contiguous else np.empty(out.shape, out.dtype)
        _native.row_softmax(rows, scale, log, written.reshape(rows.shape), _threads_for(logits))
        if written is not out:
            out[...] = written
    return out


def temperature_sums(
    logits: Array, target: Array, weight: Float64 | None = None, *, scale: float = 1.0
) -> TemperatureSums:
    """Return the sums that a step of a temperature's fit takes; see :func:`xent.kernels.numpy.temperature_sums`."""
    if logits.size == 0:
        return spec.temperature_sums(logits, target, weight, scale=scale)
    _expect("target", target, logits.shape[:1])
    _expect("weight", weight, logits.shape[:1])
    index = np.require(target, None if target.dtype in _INDEX_TYPES else np.int64, ["C", "A"])
    each, step = _column(weight)
    logits = _fitting(logits)
    sums = _native.temperature_sums(
        _view(logits), _address(index), _INDEX_TYPES[index.dtype], _address(each), step, scale, _threads_for(logits)
    )
    if len(sums) == 1:
        raise IndexError(_outside(index, sums[0], logits.shape[1]))
    return TemperatureSums(*sums)


def row_scores(logits: Array, target: Array, *, scale: float = 1.0) -> RowScores:
    """Return what each row's prediction is worth; see :func:`xent.kernels.numpy.row_scores`."""
    if logits.size == 0:
        return spec.row_scores(logits, target, scale=scale)
    nll, confidence, sum_squares = np.empty((3, len(logits)))
    predicted, rank = np.empty((2, len(logits)), np.int64)
    scores = RowScores(nll, confidence, predicted, rank, sum_squares)
    _native.row_scores(_matrix(logits), _indices(target), scale, *scores, _threads_for(logits))
    return scores


def confidence_counts(logits: Array, target: Array, counts: NDArray[np.int64], *, scale: float = 1.0) -> int:
    """Count rows by the confidence of their prediction; see :func:`xent.kernels.numpy.confidence_counts`."""
    if logits.size == 0:
        return spec.confidence_counts(logits, target, counts, scale=scale)
    into = np.require(counts, np.int64, ["C", "A"])
    undefined = _native.confidence_counts(_matrix(logits), _indices(target), scale, into, _threads_for(logits))
    if into is not counts:
        counts[...] = into
    return undefined


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
        _matrix(logits),
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
    if logits.size == 0 or logits.dtype == np.float16:  # whose words may hold half a number
        return spec.row_hash(logits)
    out = np.empty(len(logits), np.uint64)
    _native.row_hash(_matrix(logits), out, _threads_for(logits))
    return out
