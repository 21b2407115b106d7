"""A policy as a module: the formulas that NumPy runs, with torch in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch


class PolicyModule(torch.nn.Module):
    """Scores (n, K) → (label, flags, probs, top), in float64.

    Parameters
    ----------
    calibrator
        The module of a calibrator, or None.
    formulas
        Logits of the scores, softmax, flags and top, rule: each a function of torch and its arguments.
    thresholds
        (K,), NaN for none.
    constants
        What the rule takes besides.
    """

    thresholds: torch.Tensor

    def __init__(
        self,
        calibrator: torch.nn.Module | None,
        formulas: tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], Callable[..., Any]],
        thresholds: Any,
        constants: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.calibrator = calibrator
        self._formulas = formulas
        self._constants = tuple(constants)
        self.register_buffer("thresholds", torch.tensor(thresholds, dtype=torch.float64))
        for name, value in constants.items():
            self.register_buffer(name, torch.tensor(np.asarray(value), dtype=torch.float64))

    def forward(self, scores: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Decide on rows of scores."""
        logits, softmax, look, rule = self._formulas
        z = logits(torch, scores.double())
        if self.calibrator is not None:
            z = self.calibrator(z)
        probs = softmax(torch, z)
        flags, top = look(torch, probs, self.thresholds)
        label = rule(torch, probs, flags, top, **{name: getattr(self, name) for name in self._constants})
        return label, flags, probs, top
