"""Calibration: probabilities that mean what they say, and measures of how far they do.

:class:`CalibratedClassifier` needs scikit-learn, and loads it when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xent.calibration._base import Calibrator
from xent.calibration.accumulator import CalibrationError
from xent.calibration.affine import DirichletCalibration, MatrixScaling, StructuredScaling, VectorScaling
from xent.calibration.binned import calibration_error, ece, mce
from xent.calibration.binning import HistogramBinning
from xent.calibration.choose import Candidate, Choice, best_calibrator, default_calibrator
from xent.calibration.decomposition import CorpDecomposition, corp
from xent.calibration.diagrams import MurphyCurve, ReliabilityDisplay, murphy_diagram
from xent.calibration.hypothesis_tests import CalibrationTest, ks_test, kuiper_test, spiegelhalter_test
from xent.calibration.isotonic import IsotonicCalibration
from xent.calibration.metrics import BinnedError, ConfidenceBins
from xent.calibration.platt import BetaCalibration, PlattScaling, QuadraticScaling
from xent.calibration.probabilities import from_probs
from xent.calibration.selective import RiskCoverage, risk_coverage
from xent.calibration.smooth import SmoothCalibrationError, smooth_ece
from xent.calibration.spline import SplineCalibration
from xent.calibration.temperature import TemperatureFit, fit_temperature
from xent.calibration.temperature_scaling import EnsembleTemperature, MultilabelTemperature, TemperatureScaling
from xent.calibration.venn_abers import VennAbers

if TYPE_CHECKING:
    from xent.calibration.classifier import CalibratedClassifier as CalibratedClassifier

__all__ = [
    "BetaCalibration",
    "BinnedError",
    "CalibratedClassifier",
    "CalibrationError",
    "CalibrationTest",
    "Calibrator",
    "Candidate",
    "Choice",
    "ConfidenceBins",
    "CorpDecomposition",
    "DirichletCalibration",
    "EnsembleTemperature",
    "HistogramBinning",
    "IsotonicCalibration",
    "MatrixScaling",
    "MultilabelTemperature",
    "MurphyCurve",
    "PlattScaling",
    "QuadraticScaling",
    "ReliabilityDisplay",
    "RiskCoverage",
    "SmoothCalibrationError",
    "SplineCalibration",
    "StructuredScaling",
    "TemperatureFit",
    "TemperatureScaling",
    "VectorScaling",
    "VennAbers",
    "best_calibrator",
    "calibration_error",
    "corp",
    "default_calibrator",
    "ece",
    "fit_temperature",
    "from_probs",
    "ks_test",
    "kuiper_test",
    "mce",
    "murphy_diagram",
    "risk_coverage",
    "smooth_ece",
    "spiegelhalter_test",
]


def __getattr__(name: str) -> Any:
    if name != "CalibratedClassifier":
        raise AttributeError(f"module 'xent.calibration' has no attribute {name!r}")
    return importlib.import_module("xent.calibration.classifier").CalibratedClassifier
