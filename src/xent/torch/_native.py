"""The compiled kernels on PyTorch's CPU tensors, under the names that :mod:`xent.kernels.triton` has for a GPU's.

Nothing here checks or refuses, but a class index that is no class; :func:`xent.torch._engines.engine_for` says which
tensors may come. They are passed by address, since nothing else is as quick.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from xent import kernels

compiled = kernels.compiled()

DTYPES = {torch.float64: 0, torch.float32: 1, torch.float16: 2, torch.bfloat16: 3}
_INDEX_TYPES = {torch.int64: 0, torch.int32: 1, torch.int16: 2, torch.int8: 3, torch.uint8: 4}
_LARGE = 1 << 23  # bytes of a tensor that comes straight from the operating system
_MOST_AXES = 6  # of a view beside the classes, once merged


class RowStats(NamedTuple):
    """What :class:`xent.kernels.numpy.RowStats` has, as float64 tensors of shape (n,)."""

    max: Tensor
    log_sum: Tensor
    target_logit: Tensor
    mean_logit: Tensor | None
    target_mass: Tensor | None = None


def supports(logits: Tensor, axis: int = -1) -> bool:
    """Return whether the kernels take logits of this dtype and layout, their classes along ``axis``."""
    if compiled is None or logits.dtype not in DTYPES:
        return False
    if logits.dim() <= 2:
        return True
    rows = [i for i in range(logits.dim()) if i != axis % logits.dim()]
    return len(compiled.merged_axes([logits.shape[i] for i in rows], [logits.stride(i) for i in rows])[0]) <= _MOST_AXES


def view(tensor: Tensor, axis: int) -> tuple[Any, ...]:
    """Return where a tensor lies, its classes along ``axis`` ≥ 0; see ``view_of`` in src/core/module.cpp."""
    size, shape, strides = tensor.element_size(), tensor.shape, tensor.stride()
    code, n_classes, by_class = DTYPES[tensor.dtype], shape[axis], strides[axis] * size
    if tensor.dim() == 2:
        n_rows = shape[1 - axis]
        return (tensor.data_ptr(), code, n_rows, n_classes, by_class, (n_rows,), (strides[1 - axis] * size,))
    rows = [i for i in range(tensor.dim()) if i != axis]
    merged = compiled.merged_axes([shape[i] for i in rows], [strides[i] * size for i in rows])
    return (tensor.data_ptr(), code, tensor.numel() // n_classes, n_classes, by_class, *merged)


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def empty_gradient(logits: Tensor) -> Tensor:
    """Return a tensor like the logits, to be written whole."""
    dlogits = torch.empty_like(logits)
    if dlogits.numel() >= _LARGE // 8 and dlogits.nbytes >= _LARGE:
        compiled.expect_writes(dlogits.data_ptr(), dlogits.nbytes)
    return dlogits


def index_of(target: Tensor) -> tuple[Tensor, int]:
    """Return class indices side by side, of a type that the kernels read, and that type's number."""
    if target.dtype not in _INDEX_TYPES:
        target = target.long()
    return target.contiguous(), _INDEX_TYPES[target.dtype]


def threads(logits: Tensor) -> int:
    return 1 if logits.numel() < compiled.SMALL else compiled.threads()


def refuse(target: Tensor, outside: int) -> None:
    if outside >= 0:
        raise IndexError(f"Target {int(target.reshape(-1)[outside])} is out of bounds.")


def row_stats(
    logits: Tensor,
    target: Tensor,
    class_coef: Tensor | None = None,
    *,
    scale: float = 1.0,
    softcap: float | None = None,
    offset: Tensor | None = None,
    ignore_index: int = -1,
) -> RowStats:
    """Return the statistics of each row; see :func:`xent.kernels.numpy.row_stats`."""
    n_rows = logits.numel() // logits.shape[-1]
    max_, log_sum, target_logit, mean_logit, mass = torch.empty((5, n_rows), dtype=torch.float64).unbind()
    stats = RowStats(
        max_,
        log_sum,
        target_logit,
        None if class_coef is None else mean_logit,
        mass if target.dim() == logits.dim() else None,
    )
    _rows(logits, target, class_coef, (scale, softcap, offset), ignore_index, wanted=stats)
    return stats


def row_grad(
    logits: Tensor,
    coef_softmax: Tensor,
    coef_target: Tensor,
    target: Tensor,
    coef_class: Tensor,
    class_coef: Tensor | None,
    *,
    scale: float,
    softcap: float | None,
    offset: Tensor | None,
    stats: Any,
    ignore_index: int = -1,
) -> Tensor:
    """Return the gradient that the coefficients make, one a row; see :func:`xent.kernels.numpy.row_grad`."""
    dlogits = empty_gradient(logits)
    columns = tuple(each.to(torch.float64).contiguous() for each in (coef_softmax, coef_target, coef_class))
    _rows(logits, target, class_coef, (scale, softcap, offset), ignore_index, columns, stats, dlogits=dlogits)
    return dlogits


def _rows(
    logits: Tensor,
    target: Tensor,
    class_coef: Tensor | None,
    transform: tuple[float, float | None, Tensor | None],
    ignore_index: int,
    columns: tuple[Tensor, ...] = (),
    known: Any = None,
    wanted: RowStats | None = None,
    dlogits: Tensor | None = None,
) -> None:
    axis = logits.dim() - 1
    is_index = target.dim() < logits.dim()
    index, index_type = index_of(target) if is_index else (None, 0)
    if not is_index and not supports(target):
        target = target.to(torch.float32).contiguous()
    scale, softcap, offset = transform
    offset = None if offset is None else offset.to(torch.float64).contiguous()
    known_columns = () if known is None else tuple(each.to(torch.float64).contiguous() for each in known[:2])
    outside = compiled.rows(
        view(logits, axis),
        () if dlogits is None else view(dlogits, axis),
        address(index),
        index_type,
        ignore_index,
        True,  # ignored rows are those whose coefficients are 0
        () if is_index else view(target, axis),
        scale,
        softcap or 0.0,
        address(offset),
        address(class_coef),
        1,
        *(part for column in columns or [None] * 3 for part in (address(column), 1)),
        *(address(each) for each in known_columns or (None, None)),
        *(address(each) for each in (wanted or (None,) * 5)[:4]),
        0,
        0,
        address(wanted.target_mass if wanted else None),
        0,
        threads(logits),
    )
    if outside >= 0:
        refuse(target, outside)
