"""The kernels of a loss for CUDA tensors, in Triton: the names, arguments and edge rules of :mod:`xent.kernels.numpy`.

Tensors come and go, and nothing here waits for the device. Sums and statistics are float32 (float64 for float64
logits), and relative to the row's largest logit, so that nothing is the difference of two large numbers. The bits of a
row depend on K, dtype, strides, options and the alignment of the tensors to 16 bytes, not on the other rows or their
number.

All is one kernel. A program holds one tile of ``ROWS`` × ``BLOCK`` logits at a time, and the shape of the tile is all
that distinguishes the three kinds of logits: long rows (one row a program, ``BLOCK`` columns at a time), short rows
(several of them, whole) and a class axis with a stride (128 rows that lie side by side in memory, 32 classes at a
time). Each column of the tile keeps sums of its own until the row is over: ``top``, the largest logit that it has met,
and ``rest``, Σ exp(z - top) without that logit. So one exponential an element is enough, a sum takes K / BLOCK steps
and then those of a tree, and threads need not meet before the end of the row.

There is no autotuning: a tile chosen by the clock would make the last bit of a result depend on the clock too.

``TRITON_INTERPRET=1``, set before triton is imported, runs the kernel on CPU tensors, slowly.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator, import-untyped"

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["RowStats", "name", "row_grad", "row_softmax", "row_stats", "row_stats_and_grad", "supports"]

name = "triton"

_ACCUMULATORS = {
    torch.float32: tl.float32,
    torch.bfloat16: tl.float32,
    torch.float16: tl.float32,
    torch.float64: tl.float64,
}
_INTERPRETED = bool(triton.knobs.runtime.interpret)


class RowStats(NamedTuple):
    """What :class:`xent.kernels.numpy.RowStats` has, as tensors of shape (n,), and one more that the kernels want back.

    ``pivot`` is the largest logit as it was before ``scale``: differences from it are exact where those of scaled
    logits are rounded. Without ``scale`` it is ``max`` itself.
    """

    max: Tensor
    log_sum: Tensor
    target_logit: Tensor
    mean_logit: Tensor
    expected_logit: Tensor | None = None
    predicted: Tensor | None = None
    pivot: Tensor | None = None


def supports(logits: Tensor) -> bool:
    """Return whether these kernels serve such logits."""
    return logits.dtype in _ACCUMULATORS and (logits.is_cuda or _INTERPRETED)


# ---- on the device: functions of a number ----------------------------------------------------------------------------


@triton.jit
def _exp(x):
    """Return exp(x) for x ≤ 0: in float32 the hardware's 2^t, and what t lost in the product by log2 e put back."""
    if x.dtype == tl.float64:
        return tl.exp(x)
    x = tl.maximum(x, -150.0, propagate_nan=tl.PropagateNan.ALL)  # 0 there too, and no inf - inf below
    t = x * 1.4426950408889634
    power = tl.exp2(t)
    return tl.fma(power, tl.fma(t, -0.6931471805599453, x), power)


@triton.constexpr_function
def _coefficient(k):
    return (-1) ** k / math.factorial(k + 1)


@triton.jit
def _one_minus_exp(x):
    """Return 1 - exp(-x) for x ≥ 0 with all its digits: below 1/2 as the series x (1 - x/2 + x²/6 - …)."""
    degree: tl.constexpr = 15 if x.dtype == tl.float64 else 8
    series = tl.full(x.shape, _coefficient(degree), x.dtype)
    for i in tl.static_range(degree):
        series = tl.fma(series, x, tl.full(x.shape, _coefficient(degree - 1 - i), x.dtype))
    return tl.where(x < 0.5, x * series, 1.0 - _exp(-x))


@triton.jit
def _log1p(x):
    """Return log(1 + x) for x ≥ 0: the logarithm of the rounded sum, and what the sum lost."""
    total = 1.0 + x
    return tl.log(total) + (x - (total - 1.0)) / total


@triton.jit
def _capped(logits, softcap):
    """Return softcap · tanh(logits / softcap)."""
    rest = _one_minus_exp(tl.abs(logits) * (2.0 / softcap))
    tanh = rest / (2.0 - rest)
    return softcap * tl.where(logits < 0.0, -tanh, tanh)


@triton.jit
def _capped_slope(logits, softcap):
    """Return the derivative of that, 1 - tanh², as 4e / (1+e)², in which nothing cancels."""
    e = _exp(tl.abs(logits) * (-2.0 / softcap))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


# ---- on the device: a tile of logits ---------------------------------------------------------------------------------


@triton.jit
def _load(matrix, base, stride, start, here, n_classes, other, BLOCK: tl.constexpr):
    """Return the tile of a matrix that begins with class ``start``, ``other`` where there is nothing."""
    column = start + tl.arange(0, BLOCK)
    mask = here[:, None] & (column < n_classes)[None, :]
    return tl.load(matrix + base[:, None] + column.to(tl.int64)[None, :] * stride, mask=mask, other=other)


@triton.jit
def _load_classes(vector, stride, start, n_classes, DTYPE: tl.constexpr, BLOCK: tl.constexpr):
    """Return the part of a vector with one number a class, 0 where there is no class."""
    column = start + tl.arange(0, BLOCK)
    return tl.load(vector + column.to(tl.int64) * stride, mask=column < n_classes, other=0.0).to(DTYPE)[None, :]


@triton.jit
def _transform(logits, offset, before, softcap, DTYPE: tl.constexpr):
    """Return x, with z = after · x: scaled already (``before``) if there is an offset, and not yet if there is none."""
    x = logits.to(DTYPE)
    if softcap is not None:
        x = _capped(x, softcap)
    if before is not None:
        x = x * before
    if offset is not None:
        x = x + offset
    return x


@triton.jit
def _transform_tile(tile, start, n_classes, offset, before, softcap, DTYPE: tl.constexpr, BLOCK: tl.constexpr):
    if offset is not None:
        offset = _load_classes(offset, 1, start, n_classes, DTYPE, BLOCK)
    x = _transform(tile, offset, before, softcap, DTYPE)
    if softcap is not None:  # it made a number of the -inf where there is no class
        x = tl.where((start + tl.arange(0, BLOCK) < n_classes)[None, :], x, float("-inf"))
    return x


@triton.jit
def _difference(x, top, after):
    """Return the difference of two z."""
    difference = x - top
    if after is not None:
        difference = difference * after
    return difference


@triton.jit
def _decay(x, top, after, EXACT: tl.constexpr):
    """Return d = -|after · (x - top)| and exp(d), 0 for x = -inf.

    What the product rounds off is made good in exp(d), and so is, if x and top are EXACT, what the difference does.
    """
    difference = x - top
    d = difference
    lost = x * 0.0
    if EXACT:  # of the sum of x and -top (Knuth)
        minus_top = difference - x
        lost = (x - (difference - minus_top)) - (top + minus_top)
    if after is not None:
        d = difference * after
        lost = lost * after + tl.fma(difference, tl.zeros_like(d) + after, -d)
    exps = _exp(-tl.abs(d))
    if EXACT or after is not None:
        lost = tl.where(tl.abs(d) < float("inf"), lost, 0.0)
        exps = tl.fma(exps, tl.where(x > top, -lost, lost), exps)
    return -tl.abs(d), tl.where(x == float("-inf"), 0.0, exps)


@triton.jit
def _weighed(coef, x, top):
    """Return coef · (x - top), for coef = 0 too where x is -inf; -inf is as far below itself as below any number."""
    return tl.where(coef == 0.0, 0.0, coef * tl.where(x == float("-inf"), x, x - top))


@triton.jit
def _lifted(dot, coef_sum, old, new):
    """Return Σ coef · (x - new) from Σ coef · (x - old). All that was met is -inf if ``old`` is: nothing to lift."""
    return dot + tl.where(old == float("-inf"), 0.0, coef_sum * (old - new))


# ---- on the device: rows ---------------------------------------------------------------------------------------------


@triton.jit
def _scan(
    logits,
    base,
    stride,
    read,
    target,
    target_base,
    target_stride,
    class_coef,
    class_coef_stride,
    offset,
    n_classes,
    before,
    after,
    softcap,
    EXTRAS: tl.constexpr,
    EXACT: tl.constexpr,
    WHOLE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
    DTYPE: tl.constexpr,
):
    """Return the first tile, and of each row: max, rest, the two dots, Σ exp(z - max) (z - max), the first argmax."""
    lane = tl.broadcast_to(tl.arange(0, BLOCK)[None, :], (ROWS, BLOCK))
    tile = _load(logits, base, stride, 0, read, n_classes, float("-inf"), BLOCK)
    x = _transform_tile(tile, 0, n_classes, offset, before, softcap, DTYPE, BLOCK)
    top = x
    rest = tl.full((ROWS, BLOCK), 0.0, DTYPE)
    expected = rest  # Σ exp(z - top) (z - top)
    winner = lane  # where top was met first
    if target is not None:
        t = _load(target, target_base, target_stride, 0, read, n_classes, 0.0, BLOCK).to(DTYPE)
        target_sum = t
        target_dot = _weighed(t, x, top)  # Σ t (x - top)
    if class_coef is not None:
        c = _load_classes(class_coef, class_coef_stride, 0, n_classes, DTYPE, BLOCK)
        class_sum = c
        class_dot = _weighed(c, x, top)

    if not WHOLE:
        for start in range(BLOCK, n_classes, BLOCK):
            x = _load(logits, base, stride, start, read, n_classes, float("-inf"), BLOCK)
            x = _transform_tile(x, start, n_classes, offset, before, softcap, DTYPE, BLOCK)
            larger = x > top
            higher = tl.maximum(top, x, propagate_nan=tl.PropagateNan.ALL)
            distance, exps = _decay(x, top, after, EXACT)  # exps: of the smaller one of the two
            if EXTRAS:
                distance = tl.where(exps == 0.0, 0.0, distance)
                expected += tl.where(larger, distance * (1.0 + rest), distance * exps)
                expected *= tl.where(larger, exps, 1.0)
                winner = tl.where(larger, start + lane, winner)
            rest = tl.fma(tl.where(larger, exps, 1.0), rest, exps)
            if target is not None:
                t = _load(target, target_base, target_stride, start, read, n_classes, 0.0, BLOCK).to(DTYPE)
                target_dot = _lifted(target_dot, target_sum, top, higher) + _weighed(t, x, higher)
                target_sum += t
            if class_coef is not None:
                c = _load_classes(class_coef, class_coef_stride, start, n_classes, DTYPE, BLOCK)
                class_dot = _lifted(class_dot, class_sum, top, higher) + _weighed(c, x, higher)
                class_sum += c
            top = higher

    # The columns come together. One of those with the largest logit gives it up: it is the 1 of 1 + rest.
    broken = tl.max((top != top).to(tl.int32), axis=1) != 0
    pivot = tl.where(broken, float("nan"), tl.max(tl.where(top == top, top, float("-inf")), axis=1))
    highest = top == pivot[:, None]
    chosen = tl.min(tl.where(highest, lane, BLOCK), axis=1)
    distance, exps = _decay(top, pivot[:, None], after, EXACT)
    row_rest = tl.sum(tl.fma(exps, rest, tl.where(lane == chosen[:, None], 0.0, exps)), axis=1)
    row_rest = tl.where(tl.abs(pivot) < float("inf"), row_rest, float("nan"))
    row_target_dot = tl.full((ROWS,), 0.0, DTYPE)
    row_class_dot = row_target_dot
    row_expected = row_target_dot
    row_winner = chosen
    if target is not None:
        row_target_dot = tl.sum(_lifted(target_dot, target_sum, top, pivot[:, None]), axis=1)
    if class_coef is not None:
        row_class_dot = tl.sum(_lifted(class_dot, class_sum, top, pivot[:, None]), axis=1)
    if EXTRAS:
        distance = tl.where(exps == 0.0, 0.0, distance)
        row_expected = tl.sum(exps * (expected + distance * (1.0 + rest)), axis=1)
        row_winner = tl.min(tl.where(highest, winner, n_classes), axis=1)
    return tile, pivot, row_rest, row_target_dot, row_class_dot, row_expected, row_winner


@triton.jit
def _kernel(
    logits,
    logits_strides,  # outer and inner in UNITs, class; the number of a row is outer * n_inner + inner
    result,
    result_strides,
    target,
    target_strides,
    label,
    class_coef,
    class_coef_stride,
    offset,
    coef_softmax,
    coef_softmax_stride,
    coef_target,
    coef_target_stride,
    coef_class,
    coef_class_stride,
    known_pivot,
    known_log_sum,
    max_out,
    log_sum_out,
    target_out,
    mean_out,
    expected_out,
    predicted_out,
    pivot_out,
    n_inner,
    n_tiles,
    n_units,  # of classes
    ignore_index,
    scale: tl.float64,
    softcap: tl.float64,
    SCALED: tl.constexpr,
    CAPPED: tl.constexpr,
    LOG: tl.constexpr,
    UNIT: tl.constexpr,  # a power of 2: loads of so many classes need not be taken apart
    WHOLE: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
    DTYPE: tl.constexpr,
):
    """Write what there is a pointer for: the statistics of ROWS rows and, into ``result``, gradient or softmax."""
    program = tl.program_id(0)
    outer = (program // n_tiles).to(tl.int64)
    inner = (program % n_tiles).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    here = inner < n_inner
    n_classes = n_units * UNIT
    row = outer * n_inner + inner
    base = (outer * logits_strides[0] + inner * logits_strides[1]) * UNIT
    stride = logits_strides[2]
    target_base = base
    if target is not None:
        target_base = (outer * target_strides[0] + inner * target_strides[1]) * UNIT
    scale = tl.full((1,), scale, DTYPE)
    softcap = tl.full((1,), softcap, DTYPE)
    if not CAPPED:
        softcap = None
    before = None
    after = None
    if SCALED:
        if offset is None:
            after = scale
        else:
            before = scale

    live = here
    if coef_softmax is not None:
        by_softmax = tl.load(coef_softmax + row * coef_softmax_stride, mask=here, other=0.0).to(DTYPE)
        by_target = tl.load(coef_target + row * coef_target_stride, mask=here, other=0.0).to(DTYPE)
        live = (by_softmax != 0.0) | (by_target != 0.0)
        if coef_class is not None:
            by_class = tl.load(coef_class + row * coef_class_stride, mask=here, other=0.0).to(DTYPE)
            live = live | (by_class != 0.0)
    read = live  # an ignored row costs no traffic
    if log_sum_out is not None:
        read = here

    if known_pivot is not None:
        pivot = tl.load(known_pivot + row, mask=here, other=0.0)
        log_sum = tl.load(known_log_sum + row, mask=here, other=0.0)
        share = _exp(-log_sum)  # the probability of the largest logit
    else:
        tile, pivot, rest, target_dot, class_dot, expected, winner = _scan(
            logits,
            base,
            stride,
            read,
            target,
            target_base,
            target_strides[2],
            class_coef,
            class_coef_stride,
            offset,
            n_classes,
            before,
            after,
            softcap,
            expected_out is not None,
            (logits.dtype.element_ty == tl.float32) and (offset is None) and not CAPPED,  # halves differ exactly anyway
            WHOLE,
            ROWS,
            BLOCK,
            DTYPE,
        )
        log_sum = _log1p(rest)
        share = 1.0 / (1.0 + rest)

    if label is not None:
        y = tl.load(label + row, mask=here, other=-1).to(tl.int64)
        known = y >= 0
        if ignore_index is not None:
            known = known & (y != ignore_index)
        inside = known & (y < n_classes)
        at_label = tl.load(logits + base + y * stride, mask=inside & read, other=0.0)
        if offset is None:
            at_label = _transform(at_label, None, before, softcap, DTYPE)
        else:
            offset_at_label = tl.load(offset + y, mask=inside, other=0.0).to(DTYPE)
            at_label = _transform(at_label, offset_at_label, before, softcap, DTYPE)
        at_label = tl.where(inside, _difference(at_label, pivot, after), float("nan"))

    if log_sum_out is not None:
        void = log_sum != log_sum  # the row has no distribution
        tl.store(pivot_out + row, pivot, mask=here)
        tl.store(log_sum_out + row, log_sum, mask=here)
        if label is not None:
            target_dot = tl.where(known, at_label, 0.0)
            void_target = void & known
        else:
            void_target = void & (target is not None)
        if after is not None:  # else max_out is pivot_out
            tl.store(max_out + row, pivot * after, mask=here)
            if label is None:
                target_dot = target_dot * after
            class_dot = class_dot * after
        tl.store(target_out + row, tl.where(void_target, float("nan"), target_dot), mask=here)
        tl.store(mean_out + row, tl.where(void & (class_coef is not None), float("nan"), class_dot), mask=here)
        if expected_out is not None:
            tl.store(expected_out + row, expected * share, mask=here)
            tl.store(predicted_out + row, tl.where(void, -1, winner), mask=here)

    if result is not None:
        result_base = (outer * result_strides[0] + inner * result_strides[1]) * UNIT
        if coef_softmax is not None and label is not None:
            others = _one_minus_exp(log_sum - at_label)  # p - 1 is minus the others
            at_label = (by_softmax + by_target) - by_softmax * others
            special = tl.where(inside & (by_target != 0.0), y, -1).to(tl.int32)
            # A label that is no class: an error would have to wait for the device, a row of NaN is seen soon enough.
            by_softmax = tl.where(known & (y >= n_classes), float("nan"), by_softmax)
        if coef_softmax is not None:
            share = by_softmax * share
        for start in range(0, n_classes, BLOCK):
            column = start + tl.arange(0, BLOCK)[None, :]
            if WHOLE and known_pivot is None:
                z = tile
            else:
                z = _load(logits, base, stride, start, live, n_classes, float("-inf"), BLOCK)
            x = _transform_tile(z, start, n_classes, offset, before, softcap, DTYPE, BLOCK)
            x = _difference(x, pivot[:, None], after)
            if LOG:
                value = x - log_sum[:, None]
            else:
                value = _exp(x) * share[:, None]
            if coef_softmax is not None:
                if target is not None:
                    t = _load(target, target_base, target_strides[2], start, live, n_classes, 0.0, BLOCK).to(DTYPE)
                    value += by_target[:, None] * t
                if label is not None:
                    value = tl.where(column == special[:, None], at_label[:, None], value)
                if coef_class is not None:
                    c = _load_classes(class_coef, class_coef_stride, start, n_classes, DTYPE, BLOCK)
                    value += by_class[:, None] * c
                if softcap is not None:
                    value *= _capped_slope(z.to(DTYPE), softcap)
                if SCALED:
                    value *= scale
                value = tl.where(live[:, None], value, 0.0)
            place = result + result_base[:, None] + column.to(tl.int64) * result_strides[2]
            tl.store(place, value.to(result.dtype.element_ty), mask=here[:, None] & (column < n_classes))


# ---- on the host -----------------------------------------------------------------------------------------------------


def _tile_shape(n_classes: int, class_stride: int, *, a_thread: int, twice: bool) -> tuple[int, int, int]:
    """Return ROWS, BLOCK and the number of warps for tiles with so many logits ``a_thread``.

    The number of rows has no say, so that a row has the same bits in every batch. 256 threads are enough for loads from
    several programs to be under way on every multiprocessor, and few enough to wait for each other at the end of a row.
    Where the row is needed ``twice``, up to 1024 threads hold it whole. Of longer rows fewer are then under way at a
    time, so that the second reading finds more of them in the L2 cache.

    (Reasoned from bytes and the compiler's registers; benchmarks/gpu_rows.py is there to tell.)
    """
    columns = triton.next_power_of_2(n_classes)
    if class_stride != 1:
        rows, block = 128, min(columns, 32)
    else:
        block = min(columns, (1024 if twice else 256) * a_thread)
        rows = min(max(256 * a_thread // block, 1), 256)
    return rows, block, min(max(rows * block // (32 * a_thread), 4), 32)


def _collapsed(shape: torch.Size, *strides: tuple[int, ...]) -> tuple[int, int, list[tuple[int, int, int]]] | None:
    """Return n_outer and n_inner, the leading axes as two, and the strides of each array: outer, inner, class.

    None if two axes are too few for these strides.
    """
    sizes: list[int] = []
    steps: list[tuple[int, ...]] = []  # along each of these axes, in every array
    for axis, size in enumerate(shape[:-1]):
        step = tuple(each[axis] for each in strides)
        if size == 1:
            continue
        if sizes and all(above == here * size for above, here in zip(steps[-1], step, strict=True)):
            sizes[-1] *= size
            steps[-1] = step
        else:
            sizes.append(size)
            steps.append(step)
    if len(sizes) > 2:
        return None
    while len(sizes) < 2:
        sizes.insert(0, 1)
        steps.insert(0, (0,) * len(strides))
    return sizes[0], sizes[1], [(steps[0][i], steps[1][i], each[-1]) for i, each in enumerate(strides)]


def _run(
    logits: Tensor,
    target: Tensor | None = None,
    class_coef: Tensor | None = None,
    *,
    result: Tensor | None = None,
    stats: RowStats | None = None,
    known: RowStats | None = None,
    coefs: tuple[Tensor | None, Tensor | None, Tensor | None] = (None, None, None),
    ignore_index: int | None = None,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Tensor | None = None,
    log: bool = False,
) -> None:
    """Fill ``stats`` and ``result``, where they are given."""
    if logits.numel() == 0:
        return
    matrix = target if target is not None and target.is_floating_point() else None
    label = target.reshape(-1).contiguous() if target is not None and matrix is None else None
    arrays = [each for each in (logits, result, matrix) if each is not None]
    layout = _collapsed(logits.shape, *(each.stride() for each in arrays))
    if layout is None:  # such as a crop of a batch of pictures
        copy = None if result is None else torch.empty_like(result, memory_format=torch.contiguous_format)
        _run(
            logits.contiguous(),
            target if matrix is None else matrix.contiguous(),
            class_coef,
            result=copy,
            stats=stats,
            known=known,
            coefs=coefs,
            ignore_index=ignore_index,
            scale=scale,
            softcap=softcap,
            offset=offset,
            log=log,
        )
        if result is not None and copy is not None:
            result.copy_(copy)
        return

    n_outer, n_inner, strides = layout
    n_classes = logits.shape[-1]
    unit = math.gcd(16, n_classes, *(step for each in arrays for step in each.stride()[:-1]))
    strides = [(outer // unit, inner // unit, each) for outer, inner, each in strides]
    a_thread = 16  # two or four loads of 16 bytes; half as many where sums or rows take up the registers
    if matrix is not None or n_classes < 256 or (stats and (class_coef is not None or stats.predicted is not None)):
        a_thread //= 2
    if logits.dtype == torch.float64:
        a_thread //= 2
    twice = result is not None and known is None
    rows, block, warps = _tile_shape(n_classes, strides[0][2], a_thread=a_thread, twice=twice)
    n_tiles = triton.cdiv(n_inner, rows)
    vectors = [None if each is None else each.expand(n_outer * n_inner) for each in coefs]
    with torch.cuda.device_of(logits), np.errstate(all="ignore") if _INTERPRETED else nullcontext():
        _kernel[(n_outer * n_tiles,)](
            logits,
            strides[0],
            result,
            strides[1] if result is not None else strides[0],
            matrix,
            strides[-1],
            label,
            class_coef,
            0 if class_coef is None else class_coef.stride(0),
            None if offset is None else offset.contiguous(),
            *(part for each in vectors for part in (each, 0 if each is None else each.stride(0))),
            None if known is None else known.pivot,
            None if known is None else known.log_sum,
            *(stats or (None,) * len(RowStats._fields)),
            n_inner,
            n_tiles,
            n_classes // unit,
            ignore_index if ignore_index is not None and ignore_index >= 0 else None,
            float(scale),
            1.0 if softcap is None else float(softcap),
            SCALED=scale != 1.0,
            CAPPED=softcap is not None,
            LOG=log,
            UNIT=unit,
            WHOLE=block >= n_classes,
            ROWS=rows,
            BLOCK=block,
            DTYPE=_ACCUMULATORS[logits.dtype],
            num_warps=warps,
            enable_fp_fusion=False,  # the largest logit is to be the same number wherever it is computed
        )


def _empty_stats(logits: Tensor, *, scale: float, offset: Tensor | None, extras: bool) -> RowStats:
    """Return room for the statistics; where there are no classes it holds what is known of such rows."""
    n_classes = logits.shape[-1]
    shape = (math.prod(logits.shape[:-1]),)
    dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32

    def room(without_classes: float, dtype: torch.dtype = dtype) -> Tensor:
        if n_classes:
            return torch.empty(shape, dtype=dtype, device=logits.device)
        return torch.full(shape, without_classes, dtype=dtype, device=logits.device)

    top = room(-math.inf)
    return RowStats(
        top,
        room(math.nan),
        room(0.0),
        room(0.0),
        room(0.0) if extras else None,
        room(-1, torch.int64) if extras else None,
        top if scale == 1.0 or offset is not None else room(-math.inf),
    )


def row_stats(
    logits: Tensor,
    target: Tensor | None = None,
    class_coef: Tensor | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Tensor | None = None,
    ignore_index: int | None = None,
    extras: bool = False,
) -> RowStats:
    """Return the statistics of each row of z, as tensors of shape (n,): float32, of float64 logits float64.

    ``scale`` > 0. ``target`` is None, class indices of any integer dtype, one a row, or a float tensor of the logits'
    shape. A negative index and ``ignore_index`` are no target: ``target_logit`` is 0. An index ≥ K gives NaN, for an
    error would have to wait for the device.
    """
    stats = _empty_stats(logits, scale=scale, offset=offset, extras=extras)
    _run(
        logits,
        target,
        class_coef,
        stats=stats,
        ignore_index=ignore_index,
        scale=scale,
        softcap=softcap,
        offset=offset,
    )
    return stats


def row_grad(
    logits: Tensor,
    coef_softmax: Tensor,
    coef_target: Tensor,
    target: Tensor | None = None,
    coef_class: Tensor | None = None,
    class_coef: Tensor | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Tensor | None = None,
    ignore_index: int | None = None,
    stats: RowStats | None = None,
) -> Tensor:
    """Return ``(coef_softmax · softmax(z) + coef_target · t + coef_class · c) · dz/dlogits``, in the logits' dtype.

    With ``stats``, as :func:`row_stats` returned them for the same z, it is one reading and one writing. A row whose
    index is no class is NaN, unless its coefficients are all 0.
    """
    result = torch.empty_like(logits)
    if stats is not None and stats.pivot is None:
        stats = stats._replace(pivot=stats.max if offset is not None else stats.max / scale)
    _run(
        logits,
        target,
        class_coef,
        result=result,
        known=stats,
        coefs=(coef_softmax, coef_target, None if class_coef is None else coef_class),
        ignore_index=ignore_index,
        scale=scale,
        softcap=softcap,
        offset=offset,
    )
    return result


def row_stats_and_grad(
    logits: Tensor,
    coef_softmax: Tensor,
    coef_target: Tensor,
    target: Tensor | None = None,
    coef_class: Tensor | None = None,
    class_coef: Tensor | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Tensor | None = None,
    ignore_index: int | None = None,
) -> tuple[RowStats, Tensor]:
    """Return :func:`row_stats` and :func:`row_grad` from one reading of rows of up to 16384 classes."""
    result = torch.empty_like(logits)
    stats = _empty_stats(logits, scale=scale, offset=offset, extras=False)
    _run(
        logits,
        target,
        class_coef,
        result=result,
        stats=stats,
        coefs=(coef_softmax, coef_target, None if class_coef is None else coef_class),
        ignore_index=ignore_index,
        scale=scale,
        softcap=softcap,
        offset=offset,
    )
    return stats, result


def row_softmax(
    logits: Tensor,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Tensor | None = None,
    log: bool = False,
) -> Tensor:
    """Return softmax (or its logarithm) of each row of z, rounded once to the dtype of ``logits``."""
    result = torch.empty_like(logits)
    _run(logits, result=result, scale=scale, softcap=softcap, offset=offset, log=log)
    return result
