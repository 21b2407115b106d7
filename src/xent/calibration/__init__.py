"""Calibration: probabilities that mean what they say, and measures of how far they do.

Names that need scikit-learn load it when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xent.calibration._base import Calibrator
from xent.calibration.accumulator import CalibrationError
from xent.calibration.binned import calibration_error, ece, mce
from xent.calibration.metrics import BinnedError, ConfidenceBins
from xent.calibration.probabilities import from_probs
from xent.calibration.temperature import TemperatureFit, fit_temperature
from xent.calibration.temperature_scaling import EnsembleTemperature, MultilabelTemperature, TemperatureScaling

if TYPE_CHECKING:
    from xent.calibration.classifier import CalibratedClassifier as CalibratedClassifier

__all__ = [
    "BinnedError",
    "CalibratedClassifier",
    "CalibrationError",
    "Calibrator",
    "ConfidenceBins",
    "EnsembleTemperature",
    "MultilabelTemperature",
    "TemperatureFit",
    "TemperatureScaling",
    "calibration_error",
    "ece",
    "fit_temperature",
    "from_probs",
    "mce",
]


def __getattr__(name: str) -> Any:
    if name != "CalibratedClassifier":
        raise AttributeError(f"module 'xent.calibration' has no attribute {name!r}")
    return importlib.import_module("xent.calibration.classifier").CalibratedClassifier
