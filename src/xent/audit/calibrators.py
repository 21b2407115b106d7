"""The calibrators of an audit: by name, compared on a sample, fitted on a sample where they are not a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent import calibration
from xent.calibration._base import Calibrator
from xent.calibration.choose import Choice, best_calibrator, default_candidates
from xent.calibration.temperature_scaling import TemperatureScaling
from xent.errors import DataError, XentError
from xent.kernels import backend_for

Array = NDArray[Any]

#: Logits that the comparison looks at: it fits each calibrator five times, and is to take a second or two.
_COMPARED = 200_000
FOLDS = 5

_KINDS: dict[str, type[Calibrator]] = {
    "temperature": calibration.TemperatureScaling,
    "ensemble": calibration.EnsembleTemperature,
    "structured": calibration.StructuredScaling,
    "vector": calibration.VectorScaling,
    "matrix": calibration.MatrixScaling,
    "dirichlet": calibration.DirichletCalibration,
    "platt": calibration.PlattScaling,
    "quadratic": calibration.QuadraticScaling,
    "beta": calibration.BetaCalibration,
    "isotonic": calibration.IsotonicCalibration,
}


def name_of(calibrator: Calibrator) -> str:
    """Return the name by which an audit knows a calibrator."""
    return next(name for name, kind in _KINDS.items() if type(calibrator) is kind)


def takes_minus_inf(asked: str) -> bool:
    """Return whether the calibrator asked for takes logits of -inf, which probabilities of 0 have."""
    return asked == "auto" or _KINDS[asked]._takes_minus_inf


def compare(sample: tuple[Array, ...], asked: str, seed: int, finite: bool) -> Choice | str:
    """Return how the usual calibrators, and the one asked for, do on rows (logits, target, weight), or why that fails.

    Where not all logits of the table are ``finite``, only those are compared that can score every row of it.
    """
    if not sample or len(sample[0]) < FOLDS:
        return "the rows that may be learnt from are too few to be cross-validated"
    logits, target, weight = (column[: max(200, _COMPARED // sample[0].shape[1])] for column in _settled(sample))
    candidates = default_candidates(logits.shape[1])
    if asked in _KINDS and _KINDS[asked] not in {type(each) for each in candidates}:
        candidates.append(_KINDS[asked]())
    candidates = [each for each in candidates if finite or each._takes_minus_inf]
    try:
        return best_calibrator(logits, target, weight, candidates=candidates, n_folds=FOLDS, seed=seed)
    except XentError as error:
        return f"no calibrator could be compared: {error.problem}"


def fitted(asked: str, temperature: TemperatureScaling, choice: Choice | str, sample: tuple[Array, ...]) -> Calibrator:
    """Return the calibrator of one fit: the temperature of all its rows, or another one fitted on their sample."""
    kind = _KINDS.get(asked, TemperatureScaling)
    if asked == "auto" and isinstance(choice, Choice):
        kind = type(choice.calibrator)
    if kind is TemperatureScaling:
        return temperature
    if not sample or len(sample[0]) == 0:
        raise DataError(
            "xent audit",
            f"--calibrator {asked} must have rows to learn from; got none where they were divided by chance",
            "collect more rows, or leave --calibrator out",
        )
    return kind().fit(*_settled(sample))


def _settled(sample: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    """Return rows in an order of their own, with weights of mean 1.

    Then neither the order of the file nor the unit of its weights matters to folds and penalties.
    """
    logits, target, weight = sample
    order = np.lexsort((weight, target, backend_for(logits).row_hash(logits)))
    return logits[order], target[order], weight[order] / weight.mean()
