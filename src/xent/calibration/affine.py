"""Calibrators that are affine in the logits or the log-probabilities: a slope or a row of weights a class, and a bias.

All are the optimum of one penalised softmax regression, in features of a unit of their own: the logits over the
temperature T of least cross-entropy. The penalties pull towards plain temperature scaling, z/T.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent.calibration._base import Calibrator
from xent.calibration._convex import Diagonal, Form, Full, Rows, minimise
from xent.calibration._rows import CalibrationRows
from xent.calibration._strengths import choose, form_of
from xent.calibration.temperature import fit_temperature
from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]

# Strength on the diagonal of matrix scaling, which has none in its papers: so that there is an optimum also where rows
# can be separated. It is worth a normal prior of standard deviation 1 for the inverse temperature of a class, over 1/T.
_WEAK = 1.0


def _usual(n_classes: int) -> dict[str, float]:
    """Return the strengths of Berta et al.: the same pull on all parameters of a part together, whatever K."""
    each = 2.0 * n_classes
    return {"intercept": each, "diagonal": each, "off_diagonal": each * (n_classes - 1)}


class _Affine(Calibrator):
    """What the affine calibrators share: the fit of x + D x + b, x being features in units of the temperature."""

    bias_: Float64
    strengths_: dict[str, float]
    gradient_: float
    converged_: bool
    reason_: str | None

    _about_fit: ClassVar[tuple[str, ...]] = ("strengths_", "gradient_", "converged_", "reason_")

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        return (*cls._fitted, *cls._about_fit)

    def _temperature(self, rows: CalibrationRows) -> float:
        """Return T, and keep the reason where there is none."""
        temperature, self.reason_ = _temperature(rows.logits, rows.target, rows.weights)
        return temperature

    def _solve(
        self,
        rows: CalibrationRows,
        form: Form,
        features: Callable[[Array], Float64],
        strengths: Mapping[str, float],
    ) -> Float64:
        """Return the parameters (D, b) of the optimum."""
        problem = Rows(rows.logits, rows.target, rows.weights, features)
        solution = minimise(problem, form, form.strengths(**strengths))
        self.strengths_ = dict(strengths)
        self.gradient_, self.converged_ = solution.gradient, solution.converged
        self.bias_ = solution.theta[:, -1].copy()
        return solution.theta

    def _strength(self, name: str) -> float | None:
        value = getattr(self, name)
        return (
            None
            if value is None
            else _validate.positive(self._name("fit"), name, value, "None is the usual, or a chosen one")
        )


def _temperature(logits: Array, target: NDArray[np.int64], weight: Float64) -> tuple[float, str | None]:
    """Return the temperature of least cross-entropy; where there is none, one to start from, and the reason.

    Where the rows can be separated that is 1, as for temperature scaling. Scores that mislead have a best temperature
    of infinity: theirs is the spread of the logits about their rows' means, a unit to move away from them in.
    """
    fit = fit_temperature(logits, target, sample_weight=weight)
    if fit.reason != "uninformative":
        return fit.temperature, fit.reason
    variance = logits.var(axis=1, dtype=np.float64)
    spread = math.sqrt(float((weight * variance).sum()) / float(weight.sum()))
    return (spread if 0.0 < spread < math.inf else 1.0), fit.reason


def _square(form: Form, theta: Float64) -> Float64:
    """Return I + D as a matrix (K, K)."""
    return np.diag(1.0 + theta[:, 0]) if isinstance(form, Diagonal) else np.eye(len(theta)) + theta[:, :-1]


def _centred(temperature: float) -> Callable[[Array], Float64]:
    def features(z: Array) -> Float64:
        x = z.astype(np.float64)
        x -= x.mean(axis=1, keepdims=True)
        x /= temperature
        return x

    return features


def _vector(xp: Any, z: Any, slope: Any, bias: Any) -> Any:
    return (z - xp.mean(z, axis=1, keepdims=True)) * slope + bias


class VectorScaling(_Affine):
    """A slope and a bias a class: ``slope · (z - mean(z)) + bias``, fitted by penalised cross-entropy.

    The mean is each row's own, so that a number added to a row changes nothing. With T the temperature of least
    cross-entropy and s_i the weights it minimises the convex

        ( Σ_i s_i CE_i  +  (l2/2) Σ_k (T · slope_k - 1)²  +  (l2/2) Σ_k bias_k² ) / Σ_i s_i        in nats a row

    Parameters
    ----------
    bias
        Whether there is a bias.
    l2
        Strength of the penalty, finite and > 0; None: 2 K. It counts against the sum over rows, so it matters less the
        more there are, and is worth a normal prior of standard deviation 1/√l2 for each bias (nats) and for each slope
        (in units of 1/T). Small values come near the vector scaling of the paper, which has no penalty and, where rows
        can be separated or a class has none, no optimum.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    slope_, bias_
        Of each class (K,).
    strengths_
        The strengths of the penalties, as in :class:`StructuredScaling`.
    gradient_, converged_
        The largest entry of the objective's gradient by T · slope and bias, in nats a row, and whether it is below
        1e-9: the objective is strictly convex, so that is a certificate.
    reason_
        None, or why there is no temperature. "separable": T is then 1. "uninformative": T is then the root mean square
        of the logits about their rows' means.

    Notes
    -----
    Fitting c·z gives the same probabilities as fitting z. A class without rows keeps a probability above 0: over the
    rows of the fit its probabilities sum to ``l2 · |bias_k|``. A row with an infinite logit has no finite result.
    Source: Guo et al. 2017 (arXiv:1706.04599). Sibling: :class:`StructuredScaling` in its vector form, whose strengths
    are chosen.

    Examples
    --------
    >>> from xent.calibration import VectorScaling
    >>> logits = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]] * 20
    >>> target = [0, 1, 2] * 15 + [0, 0, 0] * 5  # class 0 is more common than they say
    >>> calibrator = VectorScaling().fit(logits, target)
    >>> calibrator.bias_.round(3)
    array([ 0.688, -0.344, -0.344])
    """

    preserves = "no order within a row: classes gain or lose against each other, and the accuracy may change"
    _formula = staticmethod(_vector)
    _fitted = ("slope_", "bias_")

    slope_: Float64

    def __init__(self, *, bias: bool = True, l2: float | None = None, ignore_index: int = -100) -> None:
        super().__init__(ignore_index=ignore_index)
        self.bias = bias
        self.l2 = l2

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 40 for each class: 20 for each number that is learnt."""
        return 40 * n_classes

    def _fit(self, rows: CalibrationRows) -> None:
        n_classes = rows.logits.shape[1]
        l2 = self._strength("l2") or _usual(n_classes)["diagonal"]
        temperature = self._temperature(rows)
        strengths = {"intercept": l2 if self.bias else math.inf, "diagonal": l2, "off_diagonal": math.inf}
        theta = self._solve(rows, Diagonal(n_classes), _centred(temperature), strengths)
        self.slope_ = (1.0 + theta[:, 0]) / temperature


def _matrix(xp: Any, z: Any, matrix: Any, bias: Any) -> Any:
    return xp.matmul(z - xp.mean(z, axis=1, keepdims=True), matrix.T) + bias


class MatrixScaling(_Affine):
    """A full affine map of the logits: ``W (z - mean(z)) + bias``, fitted by penalised cross-entropy.

    The mean is each row's own, so that a number added to a row changes nothing. With T the temperature of least
    cross-entropy and s_i the weights it minimises the convex

        ( Σ_i s_i CE_i + (off_diagonal/2) Σ_{k≠j} (T W_kj)² + (intercept/2) Σ_k bias_k² ) / Σ_i s_i     in nats a row

    plus (1/2) Σ_k (T W_kk - 1)² / Σ_i s_i, with which there is an optimum also where rows can be separated.

    Parameters
    ----------
    off_diagonal, intercept
        Strengths of the two penalties (ODIR), finite and > 0, against the sum over rows; None: 2 K (K - 1) and 2 K. λ
        and μ of the paper, against the mean and divided by K (K - 1) and K, are off_diagonal · K (K - 1) / (2 n) and
        intercept · K / (2 n) where T = 1.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    matrix_, bias_
        W (K, K), row k for class k, and the bias (K,).
    strengths_, gradient_, converged_, reason_
        See :class:`VectorScaling`.

    Notes
    -----
    K (K + 1) numbers are learnt; :class:`StructuredScaling` learns no more of them than the rows call for. As this is
    linear in z, it can be folded into the last layer of a network. Fitting c·z gives the same probabilities as fitting
    z. A class without rows keeps a probability above 0: over the rows of the fit its probabilities sum to ``intercept ·
    |bias_k|``. A row with an infinite logit has no finite result. Source: Guo et al. 2017 (arXiv:1706.04599); the
    penalty: Kull et al. 2019 (arXiv:1910.12656).

    Examples
    --------
    >>> from xent.calibration import MatrixScaling
    >>> logits = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]] * 20
    >>> target = [0, 1, 2] * 15 + [1, 1, 2] * 5  # what looks like class 0 is often class 1
    >>> calibrator = MatrixScaling().fit(logits, target)
    >>> calibrator.predict_proba(logits[:1]).round(3)
    array([[0.777, 0.195, 0.028]])
    """

    preserves = "no order within a row: classes gain or lose against each other, and the accuracy may change"
    _formula = staticmethod(_matrix)
    _fitted = ("matrix_", "bias_")

    matrix_: Float64

    def __init__(
        self, *, off_diagonal: float | None = None, intercept: float | None = None, ignore_index: int = -100
    ) -> None:
        super().__init__(ignore_index=ignore_index)
        self.off_diagonal = off_diagonal
        self.intercept = intercept

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 10 for each of the K (K + 1) numbers that are learnt."""
        return 10 * n_classes * (n_classes + 1)

    @staticmethod
    def _features(temperature: float) -> Callable[[Array], Float64]:
        return _centred(temperature)

    def _fit(self, rows: CalibrationRows) -> None:
        n_classes = rows.logits.shape[1]
        strengths = {"diagonal": _WEAK}
        for name in ("intercept", "off_diagonal"):
            strengths[name] = self._strength(name) or _usual(n_classes)[name]
        temperature = self._temperature(rows)
        form = Full(n_classes)
        theta = self._solve(rows, form, self._features(temperature), strengths)
        self.matrix_ = _square(form, theta) / temperature


def _dirichlet(xp: Any, z: Any, matrix: Any, bias: Any) -> Any:
    z = z - xp.amax(z, axis=1, keepdims=True)
    z = z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return xp.matmul(z, matrix.T) + bias


class DirichletCalibration(MatrixScaling):
    """A full affine map of the log-probabilities: ``W log_softmax(z) + bias``, by penalised cross-entropy.

    It is what calibrates probabilities of which each class's own are Dirichlet distributed. Logits or log-probabilities
    (of :func:`from_probs`) give the same. The objective is that of :class:`MatrixScaling`.

    Parameters
    ----------
    off_diagonal, intercept
        Strengths of the two penalties (ODIR), finite and > 0, or None; see :class:`MatrixScaling`.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    matrix_, bias_
        W (K, K), row k for class k, and the bias (K,).
    strengths_, gradient_, converged_, reason_
        See :class:`VectorScaling`.

    Notes
    -----
    It depends on the probabilities as they are: fitting c·z is another family of maps than fitting z. A class without
    rows keeps a probability above 0: over the rows of the fit its probabilities sum to ``intercept · |bias_k|``. A row
    with an infinite logit has no finite result. Source: Kull et al. 2019 (arXiv:1910.12656). Sibling:
    :class:`StructuredScaling`.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration import DirichletCalibration, from_probs
    >>> random = np.random.default_rng(0)
    >>> target = random.integers(3, size=30_000)
    >>> probs = random.gamma(np.array([[5.0, 2, 1], [1, 4, 1], [2, 1, 3]])[target])  # Dirichlet: W = the parameters
    >>> probs /= probs.sum(axis=1, keepdims=True)
    >>> calibrator = DirichletCalibration().fit(from_probs(probs), target)
    >>> (calibrator.matrix_ - calibrator.matrix_.min(axis=0)).round(1)
    array([[4. , 1. , 0. ],
           [0. , 3.1, 0. ],
           [0.9, 0. , 2. ]])
    """

    _formula = staticmethod(_dirichlet)

    @staticmethod
    def _features(temperature: float) -> Callable[[Array], Float64]:
        def features(z: Array) -> Float64:
            x = z.astype(np.float64)
            result: Float64 = backend_for(x).row_softmax(x, log=True)
            result /= temperature
            return result

        return features


def _structured(xp: Any, z: Any, temperature: Any, matrix: Any, bias: Any) -> Any:
    z = (z - xp.amax(z, axis=1, keepdims=True)) / temperature
    z = z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))
    return xp.matmul(z, matrix.T) + bias


def _log_probs(temperature: float) -> Callable[[Array], Float64]:
    def features(z: Array) -> Float64:
        x = z.astype(np.float64)
        result: Float64 = backend_for(x).row_softmax(x, scale=1.0 / temperature, log=True)
        return result

    return features


class StructuredScaling(_Affine):
    """Temperature scaling with as much of a matrix as the rows call for: ``(I + D) log_softmax(z/T) + bias``.

    The temperature T of least cross-entropy comes first. Bias, diagonal and off-diagonal of D are then fitted with a
    penalty each: with s_i the weights, to the optimum of the convex

        ( Σ_i s_i CE_i + (intercept/2) Σ_k bias_k² + (diagonal/2) Σ_k D_kk² + (off_diagonal/2) Σ_{k≠j} D_kj² ) / Σ_i s_i

    in nats a row. Where a strength is infinite the part is not there; where all are, this is temperature scaling. By
    default the strengths are chosen by the log loss of rows held out, part by part: with few rows, or nothing to mend,
    no part is let in.

    Parameters
    ----------
    form
        "matrix", or "vector": D is then diagonal, K times fewer numbers.
    intercept, diagonal, off_diagonal
        The strengths, finite and > 0, or None: chosen. They count against the sum over rows. Those of the paper are
        2 K, 2 K and 2 K (K - 1), whatever the rows.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    temperature_, matrix_, bias_
        T, I + D (K, K), row k for class k, and the bias (K,).
    strengths_
        The strengths that were taken: of "intercept", "diagonal", "off_diagonal"; infinity where a part is not there.
    gradient_, converged_
        The largest entry of the objective's gradient by D and bias, in nats a row, and whether it is below 1e-9: the
        objective is strictly convex, so that is a certificate.
    reason_
        None, or why there is no temperature. "separable": T is then 1. "uninformative": T is then the root mean square
        of the logits about their rows' means.

    Notes
    -----
    The choice: a part begins without (infinite strength) and goes down 64, 16, 4, 1, 1/4, 1/16 times the strength of
    the paper, as long as each step lowers the loss held out by more than the standard error of the difference. Bias
    first, then diagonal, then off-diagonal. Row i is in fold i mod 5; at most 1 000 000 logits are looked at. Copies of
    a row, side by side, lie in several folds and so make the choice too bold: give them once, with a weight.

    A number added to a row changes nothing; fitting c·z gives the same probabilities as fitting z. A class without rows
    keeps a probability above 0: over the rows of the fit its probabilities sum to ``intercept · |bias_k|``. A row with
    an infinite logit has no finite result. Memory beyond the logits: some 20 MB, and where strengths are chosen 60
    more.

    Source: Berta, Holzmüller, Jordan & Bach 2025 (arXiv:2511.03685), there with fixed strengths. Sibling:
    :class:`TemperatureScaling`, which keeps the order of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration import StructuredScaling
    >>> random = np.random.default_rng(0)
    >>> honest = random.normal(size=(2000, 3)) * 2
    >>> target = (honest + random.gumbel(size=honest.shape)).argmax(axis=1)
    >>> calibrator = StructuredScaling().fit(3.0 * (honest + [0.0, 0.0, 1.0]), target)  # too sharp, and for class 2
    >>> calibrator.bias_.round(2), round(calibrator.temperature_, 2)
    (array([ 0.32,  0.28, -0.6 ]), 3.5)
    """

    preserves = "no order within a row: classes gain or lose against each other, and the accuracy may change"
    _formula = staticmethod(_structured)
    _fitted = ("temperature_", "matrix_", "bias_")

    temperature_: float
    matrix_: Float64

    def __init__(
        self,
        *,
        form: str = "matrix",
        intercept: float | None = None,
        diagonal: float | None = None,
        off_diagonal: float | None = None,
        ignore_index: int = -100,
    ) -> None:
        super().__init__(ignore_index=ignore_index)
        self.form = form
        self.intercept = intercept
        self.diagonal = diagonal
        self.off_diagonal = off_diagonal

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 20 for each class, and at least 100: with fewer it is little but temperature scaling."""
        return max(100, 20 * n_classes)

    def _fit(self, rows: CalibrationRows) -> None:
        _validate.choice(self._name("fit"), "form", self.form, ("matrix", "vector"), "vector: D is diagonal")
        n_classes = rows.logits.shape[1]
        units = _usual(n_classes)
        given = {name: self._strength(name) for name in units}
        if self.form == "vector":
            given["off_diagonal"] = math.inf
        strengths = choose(rows.logits, rows.target, rows.weights, _learn, given, units)
        self.temperature_ = self._temperature(rows)
        form = form_of(strengths, n_classes)
        theta = self._solve(rows, form, _log_probs(self.temperature_), strengths)
        self.matrix_ = _square(form, theta)


def _learn(logits: Array, target: NDArray[np.int64], weight: Float64) -> Callable[[Array], Float64]:
    return _log_probs(_temperature(logits, target, weight)[0])
