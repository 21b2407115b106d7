"""Every calibrator, with rows that it can learn from: what all of them promise is held over this list."""

from dataclasses import dataclass

import numpy as np

from xent.calibration import (
    BetaCalibration,
    Calibrator,
    DirichletCalibration,
    EnsembleTemperature,
    HistogramBinning,
    IsotonicCalibration,
    MatrixScaling,
    MultilabelTemperature,
    PlattScaling,
    QuadraticScaling,
    SplineCalibration,
    StructuredScaling,
    TemperatureScaling,
    VectorScaling,
    VennAbers,
)


@dataclass(frozen=True)
class Case:
    calibrator: Calibrator
    logits: np.ndarray
    target: np.ndarray
    new: np.ndarray

    @property
    def name(self):
        return f"{self.calibrator!r}-{'x'.join(map(str, self.logits.shape))}"


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def drawn(n, n_classes, temperature=2.0, seed=0):
    """Return overconfident logits (n, K), their labels drawn from softmax(z / T)."""
    random = np.random.default_rng(seed)
    z = 3.0 * random.normal(size=(n, n_classes))
    cumulative = softmax(z / temperature).cumsum(axis=1)
    return z, (random.random((n, 1)) > cumulative).sum(axis=1).clip(0, n_classes - 1)


ROWS, LABELS = drawn(400, 4)
BINARY_ROWS = ROWS[:, 1] - ROWS[:, 0]
BINARY_LABELS = (np.random.default_rng(3).random(400) < 1 / (1 + np.exp(-BINARY_ROWS / 2))).astype(int)
NEW = drawn(60, 4, seed=1)[0]
SEVERAL = (np.random.default_rng(2).random((400, 4)) < 1 / (1 + np.exp(-ROWS / 2))).astype(int)

#: Of one log-odds, and of several classes one against the rest.
ONE_LOGIT = [
    PlattScaling(),
    QuadraticScaling(),
    BetaCalibration(),
    IsotonicCalibration(),
    HistogramBinning(),
    SplineCalibration(),
    VennAbers(),
]
AFFINE = [VectorScaling(), MatrixScaling(), DirichletCalibration(), StructuredScaling()]
CASES = [
    *(Case(each, ROWS, LABELS, NEW) for each in (TemperatureScaling(), EnsembleTemperature(), *AFFINE, *ONE_LOGIT)),
    *(Case(each, BINARY_ROWS, BINARY_LABELS, NEW[:, 0]) for each in (TemperatureScaling(), *ONE_LOGIT)),
    *(Case(MultilabelTemperature(per_label=each), ROWS, SEVERAL, NEW) for each in (False, True)),
]
