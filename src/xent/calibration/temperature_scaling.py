"""Calibrators with a temperature or two: of softmax logits, of an ensemble with what is certain, of several labels."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.calibration._base import Calibrator
from xent.calibration._rows import CalibrationRows
from xent.calibration.temperature import TemperatureFit, fit_temperature, typical_temperature
from xent.errors import OptionError, ShapeError, TargetError
from xent.functional import sigmoid
from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def _temperature(xp: Any, z: Any, temperature: Any) -> Any:
    return z / temperature


class TemperatureScaling(Calibrator):
    """Logits divided by one number: ``z / T``, with the T of least mean cross-entropy.

    Where no temperature exists (every row is right: T → 0; the scores mislead: T → ∞) it stays 1, ``reason_`` says why,
    and nothing is raised: the logits are then what they were.

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    temperature_
        T > 0; above 1 the classifier was overconfident.
    standard_error_
        Of T, by the sandwich formula; NaN where there is no T.
    reason_
        None, or why there is no temperature: "separable", "uninformative", "no rows".
    converged_
        Whether Newton's method came to an end.

    Notes
    -----
    One logit a row (n,) is the two-class row (0, z), certain where it is infinite. Logits of -inf stay -inf; a row
    whose label has one is left out of the fit, for no T helps it. Sibling: :class:`StructuredScaling`, which can also
    mend single classes. Source: Guo et al. 2017 (arXiv:1706.04599); the fit is :func:`fit_temperature`.

    Examples
    --------
    >>> from xent.calibration import TemperatureScaling
    >>> logits = [[4.0, 0.0, 0.0]] * 10  # all as sure, eight of ten right: T = 4 / log(2 · 0.8 / 0.2)
    >>> calibrator = TemperatureScaling().fit(logits, [0] * 8 + [1] * 2)
    >>> round(calibrator.temperature_, 6)
    1.923593
    >>> calibrator.predict_proba(logits)[0].round(6)
    array([0.8, 0.1, 0.1])
    """

    preserves = "the order of the classes in every row, and so the accuracy"
    _formula = staticmethod(_temperature)
    _fitted = ("temperature_",)
    _takes_vector = True
    _takes_minus_inf = True

    temperature_: float
    standard_error_: float
    reason_: str | None
    converged_: bool

    @classmethod
    def of(cls, temperature: float, n_classes: int) -> Self:
        """Return the calibrator of a temperature that is known already, fitted on no rows."""
        result = cls()
        result.temperature_ = _validate.positive("TemperatureScaling.of", "temperature", temperature)
        result.standard_error_, result.reason_, result.converged_ = math.nan, None, True
        result.classes_, result.rows_ = np.arange(n_classes), 0
        return result

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 100: one number is learnt, whatever the classes."""
        return 100

    def _fit(self, rows: CalibrationRows) -> None:
        self._keep(fit_temperature(two_columns(rows.logits), rows.target, sample_weight=rows.weight))

    def _keep(self, fit: TemperatureFit) -> None:
        self.temperature_ = fit.temperature
        self.standard_error_ = fit.standard_error
        self.reason_ = fit.reason
        self.converged_ = fit.converged

    @classmethod
    def after(cls, fit: TemperatureFit, n_classes: int) -> Self:
        """Return the calibrator of a fit that was given its rows in parts."""
        result = cls()
        result._keep(fit)
        result.classes_, result.rows_ = np.arange(n_classes), fit.rows
        return result

    def _check_numbers(self) -> None:
        if isinstance(self.temperature_, bool):
            raise OptionError("TemperatureScaling", "temperature must be a finite number above 0; got a boolean")
        _validate.positive("TemperatureScaling", "temperature", self.temperature_)

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        return ("temperature_", "standard_error_", "reason_", "converged_")


def two_columns(z: Array) -> Array:
    """Return one logit a row as the two-class row (0, z), less its maximum: an infinite z is a certain row."""
    return np.stack([np.minimum(-z, 0.0), np.minimum(z, 0.0)], axis=1) if z.ndim == 1 else z


def _ensemble(xp: Any, z: Any, temperature: Any, share_scaled: Any, share_plain: Any, share_uniform: Any) -> Any:
    scaled = xp.exp((z - xp.amax(z, axis=1, keepdims=True)) / temperature)
    plain = xp.exp(z - xp.amax(z, axis=1, keepdims=True))
    scaled = scaled / xp.sum(scaled, axis=1, keepdims=True)
    plain = plain / xp.sum(plain, axis=1, keepdims=True)
    return xp.log(share_scaled * scaled + share_plain * plain + share_uniform / z.shape[1])


class EnsembleTemperature(Calibrator):
    """A mixture of the calibrated, the given and the uniform distribution: log(w₁ softmax(z/T) + w₂ softmax(z) + w₃/K).

    More expressive than one temperature and still true to the order of the classes; the share of the uniform one bounds
    the loss of any row by log(K/w₃).

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    temperature_
        T, fitted first, as :class:`TemperatureScaling` does it.
    share_scaled_, share_plain_, share_uniform_
        w₁, w₂, w₃ ≥ 0, which sum to 1: the mixture of least mean cross-entropy, a convex problem.

    Notes
    -----
    Source: Zhang, Kailkhura & Han 2020, "Mix-n-Match" (arXiv:2003.07329), there with the Brier score.

    Examples
    --------
    >>> from xent.calibration import EnsembleTemperature
    >>> calibrator = EnsembleTemperature().fit([[4.0, 0.0, 0.0]] * 10, [0] * 8 + [1] * 2)
    >>> calibrator.predict_proba([[4.0, 0.0, 0.0]]).round(3)
    array([[0.8, 0.1, 0.1]])
    """

    preserves = "the order of the classes in every row, and so the accuracy"
    _formula = staticmethod(_ensemble)
    _fitted = ("temperature_", "share_scaled_", "share_plain_", "share_uniform_")
    _takes_minus_inf = True

    temperature_: float
    share_scaled_: float
    share_plain_: float
    share_uniform_: float

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 300: three numbers are learnt, whatever the classes."""
        return 300

    def _fit(self, rows: CalibrationRows) -> None:
        self.temperature_ = fit_temperature(rows.logits, rows.target, sample_weight=rows.weight).temperature
        n_classes = rows.logits.shape[1]
        columns = [
            _target_probs(rows.logits, rows.target, self.temperature_),
            _target_probs(rows.logits, rows.target, 1.0),
            np.full(len(rows.target), 1.0 / n_classes),
        ]
        shares = _mixture(np.stack(columns, axis=1), rows.weights)
        self.share_scaled_, self.share_plain_, self.share_uniform_ = (float(each) for each in shares)


def _target_probs(logits: Array, target: NDArray[np.int64], temperature: float) -> Float64:
    """Return the probability of each row's label under softmax(logits / temperature)."""
    stats = backend_for(logits).row_stats(logits, target, scale=1.0 / temperature)
    result: Float64 = np.exp(stats.target_logit - stats.log_sum)
    return result


def _mixture(likelihood: Float64, weight: Float64, passes: int = 10_000) -> Float64:
    """Return the shares w on the simplex that maximise Σ_i s_i log(likelihood_i · w), by accelerated EM.

    EM rises always and converges to the maximum of this concave function; each pass multiplies a share by its mean
    responsibility. A step of squared extrapolation (Varadhan & Roland 2008) is taken where it rises further.
    """
    weight = weight / weight.sum()

    def value(shares: Float64) -> float:
        with np.errstate(divide="ignore"):
            return float(weight @ np.log(likelihood @ shares))

    def step(shares: Float64) -> Float64:
        moved: Float64 = shares * ((weight / (likelihood @ shares)) @ likelihood)
        moved /= moved.sum()
        return moved

    shares = np.full(likelihood.shape[1], 1.0 / likelihood.shape[1])
    for _ in range(passes):
        first = step(shares)
        second = step(first)
        change, bend = first - shares, second - 2 * first + shares
        length = float(np.sqrt((bend**2).sum()))
        trial = second
        if length > 0:
            factor = -float(np.sqrt((change**2).sum())) / length
            far = shares - 2 * factor * change + factor**2 * bend
            if (far > 0).all():
                far = step(far / far.sum())
                trial = far if value(far) >= value(second) else second
        converged = float(np.abs(trial - shares).max()) < 1e-12
        shares = trial
        if converged:
            break
    shares = np.where(shares < 1e-9, 0.0, shares)  # EM only ever approaches a share of 0
    shares /= shares.sum()
    return shares


class MultilabelTemperature(Calibrator):
    """Sigmoid logits of several independent labels a row, divided by one temperature, or by one a label.

    Parameters
    ----------
    per_label
        Whether each label has a temperature of its own; a label whose rows allow none keeps 1.
    ignore_index
        Entries of the target with this value are left out of the fit.

    Attributes
    ----------
    temperature_
        The temperatures (K,), all the same unless ``per_label``.
    reasons_
        For each label None, or why it has no temperature: see :class:`TemperatureScaling`.

    Notes
    -----
    ``fit`` takes logits (n, K) and targets (n, K) of 0 and 1; weights are (n,) or (n, K); :meth:`predict_proba` gives
    the sigmoid of each entry. An entry's loss is -log sigmoid(z/T) or -log sigmoid(-z/T): the two-class row (0, z).

    Examples
    --------
    >>> from xent.calibration import MultilabelTemperature
    >>> logits, target = [[4.0, -2.0]] * 10, [[1, 0]] * 8 + [[0, 1]] * 2
    >>> calibrator = MultilabelTemperature(per_label=True).fit(logits, target)
    >>> calibrator.temperature_.round(4)  # 4 / log(0.8/0.2), 2 / log(0.8/0.2)
    array([2.8854, 1.4427])
    """

    preserves = "the order of the rows by each label, and every decision at a probability of 0.5"
    _formula = staticmethod(_temperature)
    _fitted = ("temperature_",)

    temperature_: Float64
    reasons_: list[str | None]

    def __init__(self, *, per_label: bool = False, ignore_index: int = -100) -> None:
        super().__init__(ignore_index=ignore_index)
        self.per_label = per_label

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 100: of rows, or with ``per_label`` of rows for each label."""
        return 100

    def fit(self, logits: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on rows that the classifier did not learn from; see the class for the shapes."""
        function = self._name("fit")
        z = _validate.floating(function, "logits", logits)
        _validate.rows(function, "logits", z)
        y = _validate.floating(function, "target", target)
        if y.shape != z.shape:
            raise ShapeError(
                function,
                f"target must have the logits' shape, 0 or 1 an entry; got shape {y.shape} for {z.shape}",
                "TemperatureScaling is for one class a row",
            )
        known = y != self.ignore_index
        wrong = known & (y != 0) & (y != 1)
        if wrong.any():
            row = int(wrong.any(axis=1).argmax())
            raise TargetError(
                function,
                f"target must be 0, 1 or ignore_index={self.ignore_index}; got {y[wrong][0]:g} at row {row}",
                "votes of several annotators are rows with weights",
            )
        weight = known.astype(np.float64)
        if sample_weight is not None:
            given = np.asarray(sample_weight)
            given = given[:, None] if given.ndim == 1 else given
            weight *= _validate.sample_weights(function, given, z.shape)
        if not weight.any():
            raise ShapeError(
                function, "target must have at least one entry with a label and a weight above 0; got none"
            )
        unknown = np.isnan(z) & (weight > 0)
        if unknown.any():
            row = int(unknown.any(axis=1).argmax())
            raise OptionError(function, f"logits must not be NaN; got nan at row {row}", "ignore_index leaves it out")
        columns = [[k] for k in range(z.shape[1])] if self.per_label else [list(range(z.shape[1]))]
        fits = [_fit_entries(z[:, k].reshape(-1), y[:, k].reshape(-1), weight[:, k].reshape(-1)) for k in columns]
        each = fits if self.per_label else fits * z.shape[1]
        self.temperature_ = np.array([fit.temperature for fit in each])
        self.reasons_ = [fit.reason for fit in each]
        self.classes_ = np.arange(z.shape[1])
        self.rows_ = int((weight > 0).any(axis=1).sum())
        return self

    def predict_proba(self, logits: ArrayLike) -> Float64:
        """Return the calibrated probability of each label (n, K), float64."""
        return np.asarray(sigmoid(self.transform(logits)))

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        return ("temperature_", "reasons_")


_ENTRIES = 1 << 18


def _fit_entries(z: Array, y: Array, weight: Float64) -> TemperatureFit:
    """Fit one temperature to sigmoid logits (m,), as two-class rows that are made a part at a time."""
    start = typical_temperature(two_columns(z[:20_000]))
    fit = TemperatureFit(start)
    while not fit.done:
        for begin in range(0, len(z), _ENTRIES):
            part = slice(begin, begin + _ENTRIES)
            fit.add(two_columns(z[part]), y[part].astype(np.int64) * (weight[part] > 0), weight[part])
        fit.step()
    return fit
