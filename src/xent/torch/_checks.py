"""What is asked of the arguments: by torch, in torch's words, and by xent where a loss object is called with tensors.

Torch's rules are not written down a second time. Here is only what is plainly valid; all else goes to torch's own
function, which says what is wrong, or does what xent does not know.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import _reduction
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from xent import _validate
from xent._options import BinaryOptions
from xent.errors import DtypeError, ShapeError, TargetError

#: Torch's own functions, whatever stands in their places later.
torch_cross_entropy = F.cross_entropy
torch_binary_cross_entropy_with_logits = F.binary_cross_entropy_with_logits

_FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
_HALF = (torch.bfloat16, torch.float16)


# --- the drop-in ------------------------------------------------------------------------------------------------------


def reduction(size_average: bool | None, reduce: bool | None, name: str) -> str:
    """Return ``"none"``, ``"mean"`` or ``"sum"``; the old words are understood, with torch's warning."""
    if size_average is not None or reduce is not None:
        name = _reduction.legacy_get_string(size_average, reduce)
    if name in ("mean", "sum", "none"):
        return name
    return ("none", "mean", "sum")[_reduction.get_enum(name)]


def softmax_dtype(input: Any, target: Any, weight: Any, ignore_index: Any, label_smoothing: Any) -> torch.dtype | None:
    """Return the dtype of torch's cross-entropy of these arguments, or None where they are not plainly valid."""
    if not (_plain(input) and _plain(target) and (weight is None or _plain(weight))):
        return None
    if not (isinstance(ignore_index, int) and not isinstance(ignore_index, bool)):
        return None
    if not (isinstance(label_smoothing, (float, int)) and 0.0 <= label_smoothing <= 1.0):
        return None
    shape = input.shape
    if len(shape) == 0 or input.dtype not in _FLOATS or input.device != target.device:
        return None
    axis = min(1, len(shape) - 1)
    if shape[axis] == 0:
        return None
    widened = _autocast(input)
    dtype = _widened(input, widened)
    if weight is not None and (
        weight.shape != shape[axis : axis + 1] or weight.dtype not in _FLOATS or weight.device != input.device
    ):
        return None
    if target.shape == shape:
        if target.dtype not in _FLOATS or ignore_index >= 0:
            return None
        dtype = torch.promote_types(dtype, _widened(target, widened))
        return dtype if weight is None else torch.promote_types(dtype, _widened(weight, widened))
    if target.shape != shape[:axis] + shape[axis + 1 :] or target.dtype not in (torch.int64, torch.uint8):
        return None
    if weight is not None and (_widened(weight, widened) != dtype or _needs_grad(weight)):
        return None
    return dtype


def sigmoid_dtype(input: Any, target: Any, weight: Any, pos_weight: Any) -> torch.dtype | None:
    """Return the dtype of torch's binary cross-entropy of these arguments, or None where they are not plainly valid."""
    if not (_plain(input) and _plain(target)):
        return None
    if input.shape != target.shape or input.device != target.device:
        return None
    if input.dtype not in _FLOATS or target.dtype not in _FLOATS:
        return None
    for each in (weight, pos_weight):
        if each is None:
            continue
        if not (_plain(each) and each.dtype in _FLOATS and each.device == input.device):
            return None
        if not _broadcasts(each.shape, input.shape) or _needs_grad(each):
            return None
    return _widened(target, _autocast(input))


def _plain(tensor: Any) -> bool:
    """Say whether it is a strided tensor that holds its numbers itself."""
    if type(tensor) is not Tensor and (not isinstance(tensor, Tensor) or is_traceable_wrapper_subclass(tensor)):
        return False
    return tensor.layout is torch.strided


def _needs_grad(tensor: Tensor) -> bool:
    return tensor.requires_grad and torch.is_grad_enabled()


def _autocast(tensor: Tensor) -> bool:
    """Say whether torch widens half precision to float32 for a loss of this tensor."""
    return tensor.device.type != "meta" and torch.is_autocast_enabled(tensor.device.type)


def _widened(tensor: Tensor, widened: bool) -> torch.dtype:
    return torch.float32 if widened and tensor.dtype in _HALF else tensor.dtype


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    if len(shape) > len(to):
        return False
    return all(mine in (1, theirs) for mine, theirs in zip(reversed(shape), reversed(to), strict=False))


def class_indices(target: Tensor, n_classes: int, ignore_index: int) -> None:
    """Check that every target is a class, where that can be seen without waiting for a device: torch's IndexError."""
    if not _visible(target):
        return
    outside = ((target < 0) | (target >= n_classes)) & (target != ignore_index)
    if outside.any():
        raise IndexError(f"Target {int(target[outside][0])} is out of bounds.")


def _visible(tensor: Tensor) -> bool:
    """Say whether the tensor's numbers are in reach: on the CPU, and neither traced nor a part of another tensor."""
    return (
        not torch.compiler.is_compiling()
        and tensor.device.type == "cpu"
        and type(tensor) in (Tensor, torch.nn.Parameter)
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._get_tracing_state() is None
    )


# --- a loss object called with tensors --------------------------------------------------------------------------------


def softmax_arguments(
    function: str, logits: Tensor, target: Any, axis: int, ignore_index: int
) -> tuple[Tensor, Tensor]:
    """Return logits and target as tensors with the class axis last, having checked them as for NumPy arrays.

    What numbers a target holds is checked where it can be seen without waiting for a device.
    """
    target = _tensor(target, logits)
    _floating(function, logits)
    if torch.compiler.is_compiling():  # what does not fit fails in torch's words
        logits = logits.movedim(axis, -1)
        return logits, target.movedim(axis, -1) if target.dim() == logits.dim() else target
    axis = _validate.class_axis(function, "logits", _shadow(logits), axis)
    logits = logits.movedim(axis, -1)
    n_classes = logits.shape[-1]
    if _validate.is_class_index(function, _shadow(target), tuple(logits.movedim(-1, axis).shape), axis):
        if _visible(target):
            _validate.class_indices(function, target.numpy(), n_classes, ignore_index)
        return logits, target
    target = target.movedim(axis, -1)
    if not target.is_floating_point():
        target = target.to(logits.dtype)
    if _visible(target):
        seen = target.detach()
        seen = seen.half() if seen.dtype == torch.bfloat16 else seen  # which NumPy does not have
        _validate.check_distributions(function, "target", seen.numpy())
    return logits, target


def sigmoid_arguments(
    function: str, logits: Tensor, target: Any, options: BinaryOptions
) -> tuple[Tensor, Tensor | None]:
    """Return target and which entries take part (None: all) as tensors, having checked them as for NumPy arrays."""
    target = _tensor(target, logits)
    _floating(function, logits)
    if target.is_complex():
        raise DtypeError(
            function,
            f"target must be numbers or booleans; got dtype {target.dtype}",
            "a target is 0, 1 or a probability",
        )
    if target.shape != logits.shape:
        raise ShapeError(
            function,
            f"target must have the shape of the logits, {tuple(logits.shape)}; got shape {tuple(target.shape)}",
            "class indices are for cross_entropy; (n,) against (n, 1) would broadcast to n × n",
        )
    mask = None if options.mask is None else boolean(function, "mask", options.mask, logits)
    if not 0 <= options.ignore_index <= 1 and _visible(target) and _is_within_one(target):
        return target, mask  # nothing can be ignored by its value, and one pass over the target was enough to see it
    live = target != options.ignore_index
    if mask is not None:
        live = live & mask
    if _visible(target) and _visible(live):
        outside = live & ~((target >= 0) & (target <= 1))
        if outside.any():
            where = tuple(int(i) for i in outside.nonzero()[0])
            raise TargetError(
                function,
                f"target must lie in [0, 1] or be ignore_index={options.ignore_index}; "
                f"got {float(target[where]):g}" + (f" at {where}" if where else ""),
                "class indices above 1 are for cross_entropy",
            )
    return target, live


def _is_within_one(target: Tensor) -> bool:
    if target.dtype == torch.bool or target.numel() == 0:
        return True
    least, most = torch.aminmax(target.detach())
    return bool(least >= 0) and bool(most <= 1)  # not so of NaN


def weights(function: str, argument: str, values: Any, like: Tensor, shape: torch.Size) -> Tensor:
    """Return weights as a tensor on the device of ``like`` broadcast to ``shape``, checked as for NumPy arrays."""
    tensor = _tensor(values, like)
    if not torch.compiler.is_compiling():
        seen = tensor.detach().double().numpy() if _visible(tensor) else _shadow(tensor)
        _validate.weights(function, argument, seen, tuple(shape))
    return tensor.expand(shape)


def boolean(function: str, argument: str, values: Any, like: Tensor) -> Tensor:
    """Return a mask as a tensor broadcast to the shape of ``like``."""
    tensor = _tensor(values, like)
    if not torch.compiler.is_compiling():
        _validate.mask(function, argument, _shadow(tensor), tuple(like.shape))
    return tensor.expand(like.shape)


def log_prior(function: str, prior: Any, like: Tensor, n_classes: int, dtype: torch.dtype) -> Tensor:
    """Return the logarithms of the class frequencies, divided by their sum."""
    tensor = weights(function, "prior", prior, like, torch.Size([n_classes])).to(dtype)
    if not torch.compiler.is_compiling() and _visible(tensor):
        _validate.class_prior(function, tensor.detach().numpy(), n_classes)
    return torch.log_softmax(torch.log(tensor), -1)


def _tensor(values: Any, like: Tensor) -> Tensor:
    """Return numbers as a tensor on the device of ``like``, and in float64 only where that is."""
    if isinstance(values, Tensor):
        return values.to(like.device)
    tensor = torch.from_numpy(np.array(values))
    if tensor.dtype == torch.float64 and like.dtype != torch.float64:
        tensor = tensor.float()
    return tensor.to(like.device)


def _floating(function: str, logits: Tensor) -> None:
    if logits.dtype not in _FLOATS:
        raise DtypeError(
            function,
            f"logits must be real numbers of floating point; got dtype {logits.dtype}",
            "call .float() on them",
        )


def _shadow(tensor: Tensor) -> Any:
    """Return an array of zeros of that shape and kind, which takes no memory: for checks that look at no numbers."""
    if tensor.dtype == torch.bool:
        kind: Any = np.bool_
    elif tensor.is_complex():
        kind = np.complex64
    else:
        kind = np.float32 if tensor.is_floating_point() else np.int64
    return np.broadcast_to(np.zeros((), kind), tuple(tensor.shape))
