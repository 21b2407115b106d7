"""The mathematics once more, in 50 digits and straight from the definitions, and the kernels to hold against it.

Every test of this folder runs on the NumPy kernels and, where they are built, on the compiled ones.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest

EPS = 2.0**-52


def _kernels() -> list[str]:
    try:
        import xent.kernels.native  # noqa: F401
    except ImportError:
        return ["numpy"]
    return ["numpy", "native"]


@pytest.fixture(scope="module", autouse=True, params=_kernels())
def kernels(request: pytest.FixtureRequest) -> Iterator[str]:
    """The kernels in force, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XENT_KERNELS", request.param)
        yield request.param


class Exact:
    """Definitions, with no thought for stability: that many digits need none. Floats in, mpmath numbers out."""

    def __init__(self, digits: int) -> None:
        self.mp = mpmath.mp.clone()
        self.mp.dps = digits

    def array(self, values: Any) -> Any:
        """Return an object array of mpmath numbers, each exactly the float it was."""
        to_exact = np.frompyfunc(lambda v: v if isinstance(v, self.mp.mpf) else self.mp.mpf(float(v)), 1, 1)
        return np.asarray(to_exact(np.asarray(values)), dtype=object)

    def each(self, function: str, values: Any) -> Any:
        """Return a function of mpmath, by name, of each entry."""
        return np.frompyfunc(getattr(self.mp, function), 1, 1)(self.array(values))

    def logsumexp(self, z: Any) -> Any:
        return self.each("log", self.each("exp", z).sum(axis=-1))

    def log_softmax(self, z: Any) -> Any:
        return self.array(z) - self.each("log", self.each("exp", z).sum(axis=-1, keepdims=True))

    def softmax(self, z: Any) -> Any:
        return self.each("exp", self.log_softmax(z))

    def cross_entropy(
        self,
        logits: Any,
        target: Any,
        *,
        weight: Any = None,
        sample_weight: Any = None,
        label_smoothing: float = 0.0,
        temperature: float = 1.0,
        reduction: str = "mean",
    ) -> Any:
        """- Σ_k w_k q_k log p_k, q the smoothed target, over Σ_k w_k t_k of the unsmoothed one."""
        n, n_classes = np.shape(logits)
        w = self.array(np.ones(n_classes) if weight is None else weight)
        s = self.array(np.ones(n) if sample_weight is None else sample_weight)
        t = self.array(np.eye(n_classes)[target] if np.ndim(target) == 1 else target)
        eps = self.mp.mpf(label_smoothing)
        q = (1 - eps) * t + eps / n_classes
        losses = -(w * q * self.log_softmax(self.array(logits) / self.mp.mpf(temperature))).sum(axis=1)
        return self.reduce(losses * s, s * (w * t).sum(axis=1), reduction)

    def binary_cross_entropy(
        self,
        logits: Any,
        target: Any,
        *,
        weight: Any = None,
        pos_weight: Any = None,
        sample_weight: Any = None,
        label_smoothing: float = 0.0,
        temperature: float = 1.0,
        reduction: str = "mean",
    ) -> Any:
        """- v q log σ(z) - (1-q) log σ(-z), q the smoothed target."""
        z = self.array(logits) / self.mp.mpf(temperature)
        v = self.array(1.0 if pos_weight is None else pos_weight)
        s = self.array(np.ones(z.shape))
        if weight is not None:
            s = s * self.array(weight)
        if sample_weight is not None:
            s = s * self.array(sample_weight)[:, None]
        eps = self.mp.mpf(label_smoothing)
        q = (1 - eps) * self.array(target) + eps / 2
        log_one = -self.each("log", 1 + self.each("exp", -z))
        log_zero = -self.each("log", 1 + self.each("exp", z))
        return self.reduce(-(v * q * log_one + (1 - q) * log_zero) * s, s, reduction)

    @staticmethod
    def reduce(losses: Any, denominators: Any, reduction: str) -> Any:
        if reduction == "none":
            return losses
        return losses.sum() / (denominators.sum() if reduction == "mean" else 1)

    def gradient(self, function: Any, z: Any) -> Any:
        """Central differences of a scalar function, in 50 digits with h = 1e-15: right to about 30."""
        z, h = self.array(z), self.mp.mpf("1e-15")
        result = np.empty_like(z)
        for index in np.ndindex(z.shape):
            up, down = z.copy(), z.copy()
            up[index] += h
            down[index] -= h
            result[index] = (function(up) - function(down)) / (2 * h)
        return result

    def relative_error(self, actual: Any, expected: Any) -> float:
        """Return the largest relative error in units of 2^-52; that of 0, where 0 is expected, is 0."""
        zero = self.mp.mpf(10) ** (8 - self.mp.dps)
        pairs: Sequence[tuple[Any, Any]] = list(zip(self.array(actual).flat, self.array(expected).flat, strict=True))
        errors = [abs(a - e) / abs(e) if abs(e) > zero else (0 if a == 0 else self.mp.inf) for a, e in pairs]
        return float(max(errors, default=0) / EPS)

    def absolute_error(self, actual: Any, expected: Any) -> float:
        """Return the largest absolute error in units of 2^-52."""
        return float(
            max(np.asarray(abs(self.array(actual) - self.array(expected)), dtype=object).flat, default=0) / EPS
        )


@pytest.fixture(scope="session")
def exact() -> Exact:
    return Exact(50)


@pytest.fixture(scope="session")
def exact500() -> Exact:
    """For sums in which exp(-700) still counts beside 1."""
    return Exact(500)
