"""The compiled kernels as an operation of XLA's programs for the CPU; what it computes is said in src/core/jax.cpp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xent import kernels
from xent.jax._arithmetic import computed_in

compiled = kernels.compiled()
_NLL = (1.0, 0.0, 1.0, 0.0, 0.0)  # nll itself, as ``curve_terms``
_DTYPES = (jnp.float64, jnp.float32, jnp.float16, jnp.bfloat16)

if compiled is not None:
    jax.ffi.register_ffi_target("xent_rows", compiled.xla_rows_handler(), platform="cpu")


def serves(logits: Array, *others: Array | None) -> bool:
    """Return whether a loss of these logits goes through the kernels, on the platform that JAX computes on."""
    if compiled is None or logits.dtype not in _DTYPES or logits.size == 0 or jax.default_backend() != "cpu":
        return False
    return not any(_varies(each) for each in (logits, *others) if each is not None)


def _varies(array: Array) -> bool:
    """Say whether shard_map knows an array to differ among devices, of which operations like ours tell it nothing."""
    aval: Any = jax.typeof(array)
    axes = getattr(aval, "manual_axis_type", None)  # JAX before 0.10: aval.vma
    return bool(getattr(axes, "varying", ()) or getattr(aval, "vma", ()))


def rows(
    logits: Array,
    target: Array,
    axis: int,
    scale: float,
    curve: Sequence[float] | None,
    class_coef: Array | float,
    coefs: Sequence[Array | None],
    *,
    wanted: Sequence[bool],
) -> tuple[Array | None, ...]:
    """Return (nll, classes_nll, lse, dlogits) of rows whose classes lie along ``axis`` ≥ 0, None for what is unwanted.

    ``curve`` is a loss's ``curve_terms``, None for nll itself. ``coefs``, those of f(nll), classes_nll and lse² in
    dlogits, are one a row and keep the class axis, and so do labels (int32).
    """
    dtype = computed_in(logits)
    nothing = jnp.zeros(0, dtype)
    of_rows = (*logits.shape[:axis], 1, *logits.shape[axis + 1 :])
    if jnp.issubdtype(target.dtype, jnp.floating) and target.dtype not in _DTYPES:
        target = target.astype(dtype)
    of_curve = zip(("linear", "bounded", "power", "focused", "focus"), curve or _NLL, strict=True)
    uniform = class_coef if isinstance(class_coef, float) else 0.0
    kinds = ((of_rows, dtype),) * 3 + ((logits.shape, logits.dtype),)
    results = [
        jax.ShapeDtypeStruct(shape if want else (0,), dtype)  # type: ignore[no-untyped-call]
        for (shape, dtype), want in zip(kinds, wanted, strict=True)
    ]
    call = jax.ffi.ffi_call("xent_rows", results, vmap_method="broadcast_all")
    found: Any = call(
        logits,
        target,
        *(nothing if coef is None else jnp.broadcast_to(coef, of_rows) for coef in coefs),
        nothing if isinstance(class_coef, float) else class_coef.reshape(-1),
        axis=np.int64(logits.ndim - axis),
        scale=np.float64(scale),
        uniform=np.float64(uniform),
        **{name: np.float64(each) for name, each in of_curve},
    )
    return tuple(each if want else None for each, want in zip(found, wanted, strict=True))
