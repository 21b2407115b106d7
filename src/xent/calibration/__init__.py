"""Calibration: probabilities that mean what they say, and measures of how far they do."""

from xent.calibration._base import Calibrator
from xent.calibration.metrics import CalibrationError, ConfidenceBins
from xent.calibration.probabilities import from_probs
from xent.calibration.temperature import TemperatureFit, fit_temperature
from xent.calibration.temperature_scaling import EnsembleTemperature, MultilabelTemperature, TemperatureScaling

__all__ = [
    "CalibrationError",
    "Calibrator",
    "ConfidenceBins",
    "EnsembleTemperature",
    "MultilabelTemperature",
    "TemperatureFit",
    "TemperatureScaling",
    "fit_temperature",
    "from_probs",
]
