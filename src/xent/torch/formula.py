"""A calibrator's formula as a module: the same function, with torch in NumPy's place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch


class Formula(torch.nn.Module):
    """Calibrated logits of logits: ``formula(torch, logits, **constants)``.

    Arrays and floats among the constants are float64 buffers named after them, so they move with the module and are
    saved with it; they are rounded to the dtype of the logits when they meet. Half precision is computed in float32.
    """

    def __init__(self, formula: Callable[..., Any], constants: Mapping[str, Any]) -> None:
        super().__init__()
        self._formula = formula
        self._plain: dict[str, Any] = {}
        self._parts: dict[str, list[dict[str, str]]] = {}
        for name, value in constants.items():
            if isinstance(value, list):  # one set of numbers a class
                self._parts[name] = [
                    {key: self._keep(f"{name}_{k}_{key}", each) for key, each in part.items()}
                    for k, part in enumerate(value)
                ]
            elif isinstance(value, float | np.ndarray):
                self._keep(name, value)
                self._plain[name] = None
            else:
                self._plain[name] = value

    def _keep(self, name: str, value: Any) -> str:
        self.register_buffer(name, torch.tensor(value, dtype=torch.float64))
        return name

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the calibrated logits of logits."""
        z = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

        def number(name: str) -> torch.Tensor:
            value: torch.Tensor = getattr(self, name)
            return value.to(z.dtype)

        constants = {name: number(name) if value is None else value for name, value in self._plain.items()}
        for name, parts in self._parts.items():
            constants[name] = [{key: number(buffer) for key, buffer in part.items()} for part in parts]
        result: torch.Tensor = self._formula(torch, z, **constants)
        return result
