"""What comes in: JAX arrays, tracers, NumPy arrays, lists; checked as far as they can be, and made JAX arrays."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from xent import _validate
from xent._options import BinaryOptions, Options
from xent.errors import DtypeError, OptionError, ShapeError, TargetError

Shape = tuple[int, ...]


def look(function: str, argument: str, values: Any) -> tuple[NDArray[Any], bool]:
    """Return an array for the checks to look at, and whether it holds the numbers or ones in their place."""
    if isinstance(values, Array) and not _at_hand(values):
        dtype = np.dtype(np.float32) if jnp.issubdtype(values.dtype, jnp.floating) else values.dtype
        return np.broadcast_to(np.ones((), dtype), values.shape), False
    array = _validate.as_array(function, argument, values)
    if jnp.issubdtype(array.dtype, jnp.floating) and array.dtype.kind != "f":  # bfloat16 and narrower
        return array.astype(np.float16), True
    return array, True


def _at_hand(values: Array) -> bool:
    """Say whether the numbers can be read without waiting for another device."""
    if isinstance(values, jax.core.Tracer) or not values.is_fully_addressable:
        return False
    return all(device.platform == "cpu" for device in values.devices())


def floating(function: str, logits: Array) -> Array:
    """Return the logits as floats, having checked that they are real numbers."""
    if jnp.issubdtype(logits.dtype, jnp.floating):
        return logits
    _validate.floating(function, "logits", np.ones((), logits.dtype))
    return logits.astype(float)


def softmax_target(function: str, target: Any, shape: Shape, axis: int, ignore_index: int) -> Array:
    """Return class indices (integers, without the class axis) or probabilities (floats of the logits' shape)."""
    numbers, known = look(function, "target", target)
    if _validate.is_class_index(function, numbers, shape, axis):
        if known:
            _validate.class_indices(function, numbers, shape[axis], ignore_index)
        indices = jnp.asarray(target)
        return indices if indices.size else indices.astype(int)
    if known:
        probs = _validate.floating(function, "target", np.moveaxis(numbers, axis, -1))
        _validate.check_distributions(function, "target", probs)
    return _floats(target)


def sigmoid_target(function: str, target: Any, shape: Shape, options: BinaryOptions) -> Array:
    """Return the target of each entry, of its own dtype."""
    numbers, known = look(function, "target", target)
    if numbers.dtype.kind not in "fiub":
        raise DtypeError(
            function,
            f"target must be numbers or booleans; got dtype {numbers.dtype}",
            "a target is 0, 1 or a probability",
        )
    if numbers.shape != shape:
        raise ShapeError(
            function,
            f"target must have the shape of the logits, {shape}; got shape {numbers.shape}",
            "class indices are for cross_entropy; (n,) against (n, 1) would broadcast to n × n",
        )
    if known:
        outside = ~((numbers >= 0) & (numbers <= 1)) & (numbers != options.ignore_index)
        if options.mask is not None:
            taking_part, known = look(function, "mask", options.mask)
            outside = outside & taking_part & known
        if outside.any():
            where = tuple(int(i) for i in np.argwhere(outside)[0])
            raise TargetError(
                function,
                f"target must lie in [0, 1] or be ignore_index={options.ignore_index}; "
                f"got {numbers[outside].flat[0]:g}" + (f" at {where}" if where else ""),
                "class indices above 1 are for cross_entropy",
            )
    return jnp.asarray(target)


def mask(function: str, values: Any, shape: Shape) -> Array | None:
    """Return which entries take part, or None for all."""
    if values is None:
        return None
    _validate.mask(function, "mask", look(function, "mask", values)[0], shape)
    return jnp.broadcast_to(jnp.asarray(values), shape)


def weights(function: str, argument: str, values: Any, shape: Shape, dtype: Any) -> Array | None:
    """Return weights that broadcast to ``shape``, of as many axes, or None for none."""
    if values is None:
        return None
    _validate.weights(function, argument, look(function, argument, values)[0], shape)
    result = jnp.asarray(values, dtype)
    return result.reshape((1,) * (len(shape) - result.ndim) + result.shape)


def log_prior(function: str, options: Options, n_classes: int, dtype: Any) -> Array | None:
    """Return what the prior adds to the logits of each class, prior_strength · log prior; or None for nothing."""
    if options.prior is None:
        return None
    numbers, known = look(function, "prior", options.prior)
    logs = _validate.class_prior(function, numbers, n_classes)
    if known:
        return jnp.asarray(options.prior_strength * logs, dtype)
    frequencies = jnp.broadcast_to(options.prior, (n_classes,)).astype(dtype)
    return options.prior_strength * (jnp.log(frequencies) - jnp.log(frequencies.sum()))


def normalizer(function: str, values: Any, dtype: Any) -> Array | None:
    """Return the caller's denominator of the mean, or None for none."""
    if values is None:
        return None
    if jnp.size(values) != 1:
        raise OptionError(
            function,
            f"normalizer must be one number; got shape {jnp.shape(values)}",
            "such as the number of tokens in all parts of the batch",
        )
    return jnp.asarray(values, dtype).reshape(())


def _floats(values: Any) -> Array:
    array = jnp.asarray(values)
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(float)
