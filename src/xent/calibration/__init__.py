"""Calibration: temperatures that make probabilities honest, and measures of how honest they are."""

from xent.calibration.metrics import CalibrationError, ConfidenceBins
from xent.calibration.temperature import TemperatureFit, fit_temperature

__all__ = ["CalibrationError", "ConfidenceBins", "TemperatureFit", "fit_temperature"]
