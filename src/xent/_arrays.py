"""Which framework an array belongs to: looked up among the modules that are loaded, so that asking imports none."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Literal

import numpy as np

Framework = Literal["numpy", "torch", "jax"]


def framework(array: Any) -> Framework:
    """Return whose array this is; what belongs to no other framework (lists, numbers) is NumPy's."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and isinstance(array, torch.Tensor):
        return "torch"
    if jax is not None and isinstance(array, jax.Array):
        return "jax"
    return "numpy"


def namespace(array: Any) -> ModuleType:
    """Return the module whose ``exp``, ``expm1``, ``log``, ``log1p`` and ``where`` work on this array."""
    return {"numpy": np, "torch": sys.modules.get("torch"), "jax": sys.modules.get("jax.numpy")}[framework(array)] or np


def constant(array: Any) -> Any:
    """Return the array, its derivative 0: what is only to scale a calculation is not to be differentiated."""
    of = framework(array)
    if of == "torch":
        return array.detach()
    return sys.modules["jax"].lax.stop_gradient(array) if of == "jax" else array
