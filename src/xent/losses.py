"""Every loss, defined once: as a curve over the nll of a label.

A loss sees no logits. For a row and one label it is given ``nll`` = -log p_label ≥ 0 in nats, relative precision kept
down to 1e-300, and returns its value and its slope d value / d nll. All else follows, for every loss alike:

- of a row with the label y:  f(nll_y), and  d/dz_k = f'(nll_y) (p_k - [k = y]);
- of a row whose target is a distribution t over the labels (a probability target, smoothing):  Σ_k t_k f(nll_k), the
  expected loss. Where f is nll itself (``linear``) that sum is lse - Σ_k t_k z_k and needs no sum over labels;
- of a binary decision with logit z: a label is one of the two classes of the row (0, z), with nll log(1 + exp(∓z));
- with ``z_loss`` λ:  + λ lse², whatever the label.

The code here is array code without a framework: NumPy, PyTorch and JAX arrays come and go (:mod:`xent._arrays`).

To add a loss: write a frozen dataclass here and put ``@register("its_name")`` on it. Its tests, its line in the
documentation's table and its name on the command line follow from the registry.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, NamedTuple, get_args

from xent import _pipeline, _sigmoid, _validate
from xent._arrays import constant, namespace
from xent._options import BinaryOptions, Options
from xent.errors import OptionError

Smoothing = Literal["uniform", "others"]


class Curve(NamedTuple):
    """A loss and its derivative by the nll of the label; each of the shape of that nll."""

    value: Any
    slope: Any


@dataclass(frozen=True, kw_only=True)
class Loss(ABC):
    """A loss: a small frozen value that is called, printed, compared and stored.

    Parameters
    ----------
    label_smoothing
        ε in [0, 1]: the target t becomes (1-ε) t + ε u.
    smoothing
        What u is. ``"uniform"``: 1/K for every class. ``"others"``: (1 - t_k)/(K-1), for a class index 1/(K-1) for
        every class but the target's.
    z_loss
        λ ≥ 0, adds λ lse² to each row (times its class weight), lse = log Σ exp z in nats: it keeps logits near log p.
    """

    label_smoothing: float = 0.0
    smoothing: Smoothing = "uniform"
    z_loss: float = 0.0

    name: ClassVar[str]
    #: Whether the curve is nll itself.
    linear: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the parameters."""
        _validate.share(self.name, "label_smoothing", self.label_smoothing)
        _validate.non_negative(self.name, "z_loss", self.z_loss)
        if self.smoothing not in get_args(Smoothing):
            raise OptionError(
                self.name,
                f"smoothing must be 'uniform' or 'others'; got {self.smoothing!r}",
                "'uniform' spreads label_smoothing over all classes, 'others' over all but the target's",
            )

    @abstractmethod
    def curve(self, nll: Any) -> Curve:
        """Return value and slope at the nll of a label."""

    def negative_curve(self, nll: Any) -> Curve:
        """Return value and slope of the negative label of a binary decision, at its nll."""
        return self.curve(nll)

    @property
    def class_factor(self) -> tuple[float, ...] | None:
        """A factor of each class's loss that, unlike a class weight, is not divided out of a mean; or none."""
        return None

    @property
    def binary_factors(self) -> tuple[float, float]:
        """The same for a binary decision, (positive label, negative label)."""
        return (1.0, 1.0)

    @property
    def curve_terms(self) -> tuple[float, float, float, float, float] | None:
        """(a, b, q, c, γ) if the curve is  a nll + b (1 - p^q)/q + c (1 - p)^γ nll,  for which there is a kernel."""
        return None

    @property
    def convex_curve(self) -> bool:
        """Whether the curve is convex in the logits, for any label and number of classes."""
        return False

    @property
    def binary_powers(self) -> tuple[float, float, float] | None:
        """(γ₊, γ₋, m) if a binary decision has the curves of :class:`Asymmetric`, for which there is a kernel."""
        return None

    @property
    def convex(self) -> bool:
        """Whether it is convex in the logits: what a solver needs to promise an optimum."""
        return self.convex_curve and self.z_loss == 0

    @property
    def shift_invariant(self) -> bool:
        """Whether it is unchanged when a number is added to all logits of a row."""
        return self.z_loss == 0

    def mixture(self, n_classes: int) -> tuple[float, float]:
        """Return (a, b) such that the smoothed target is a · t + b/K for every class: 1, 0 without smoothing."""
        if self.smoothing == "others" and self.label_smoothing > 0:
            if n_classes < 2:
                raise OptionError(
                    self.name,
                    f"smoothing='others' must have other classes; got {n_classes} class",
                    "use smoothing='uniform'",
                )
            uniform = self.label_smoothing * n_classes / (n_classes - 1)
        else:
            uniform = self.label_smoothing
        return 1.0 - uniform, uniform

    def __call__(self, logits: Any, target: Any, **options: Any) -> Any:
        """Return the loss of softmax logits; ``options`` are those of :func:`xent.cross_entropy`."""
        return _pipeline.softmax_loss(self, self.name, logits, target, Options.of(self.name, options))

    def binary(self, logits: Any, target: Any, **options: Any) -> Any:
        """Return the loss of sigmoid logits; ``options`` are those of :func:`xent.binary_cross_entropy`."""
        return _sigmoid.sigmoid_loss(self, self.name, logits, target, BinaryOptions.of(self.name, options))


#: Name → class of every loss.
LOSSES: dict[str, type[Loss]] = {}


def register(name: str) -> Callable[[type[Loss]], type[Loss]]:
    """Enter a loss under its name."""

    def enter(cls: type[Loss]) -> type[Loss]:
        cls.name = name
        LOSSES[name] = cls
        return cls

    return enter


def get_loss(loss: str | Loss) -> Loss:
    """Return the loss of that name, with its defaults or with parameters in parentheses; or the loss itself.

    >>> from xent.losses import CrossEntropy, get_loss
    >>> get_loss("cross_entropy") == CrossEntropy()
    True
    >>> get_loss("focal(gamma=1.5, label_smoothing=0.1)").gamma
    1.5
    """
    if isinstance(loss, Loss):
        return loss
    try:
        call = ast.parse(loss, mode="eval").body
        if isinstance(call, ast.Name):
            return LOSSES[call.id]()
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            values = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
            return LOSSES[call.func.id](**values)
        raise KeyError(loss)
    except (SyntaxError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, OptionError):
            raise
        raise OptionError(
            "get_loss",
            f"loss must be one of {sorted(LOSSES)}, with its own parameters; got {loss!r}",
            "such as 'focal(gamma=1.5)'; see xent.losses",
        ) from None


def describe(loss: Loss) -> str:
    """Return the shortest text that :func:`get_loss` turns into this loss again, such as ``focal(gamma=1.5)``."""
    said = [f"{f.name}={getattr(loss, f.name)!r}" for f in fields(loss) if getattr(loss, f.name) != f.default]
    return loss.name + (f"({', '.join(said)})" if said else "")


@register("cross_entropy")
@dataclass(frozen=True, kw_only=True)
class CrossEntropy(Loss):
    """Cross-entropy: the nll itself, in nats.

        f(nll) = nll

    Source: Szegedy et al. 2016 (doi:10.1109/CVPR.2016.308) for the smoothing; de Brébisson & Vincent 2016
    (arXiv:1604.08859) for the z-loss.
    """

    linear: ClassVar[bool] = True

    @property
    def convex_curve(self) -> bool:
        """It is."""
        return True

    @property
    def binary_powers(self) -> tuple[float, float, float]:
        """No powers."""
        return (0.0, 0.0, 0.0)

    @property
    def curve_terms(self) -> tuple[float, float, float, float, float]:
        """The first alone."""
        return (1.0, 0.0, 1.0, 0.0, 0.0)

    def curve(self, nll: Any) -> Curve:
        """Return nll and 1."""
        return Curve(nll, namespace(nll).ones_like(nll))


@register("focal")
@dataclass(frozen=True)
class Focal(Loss):
    """Focal loss: rows that are right already count less.

        f(nll) = α (1 - p)^γ nll,   p = exp(-nll)

    Parameters
    ----------
    gamma
        γ ≥ 0; 0 is cross-entropy. Finite at p = 1 for every γ, with all derivatives by the logits: there the loss is
        (1-p)^(1+γ), and 1-p falls exponentially. (By the nll itself the second is infinite there if γ < 1.)
    alpha
        For softmax: one factor ≥ 0 for each class. For sigmoid: one number in [0, 1], the factor of positives;
        negatives get 1 - alpha. Unlike a class weight it is not divided out of a mean. None: 1.

    Notes
    -----
    Source: Lin et al. 2017 (doi:10.1109/ICCV.2017.324).
    """

    gamma: float = 2.0
    alpha: float | tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        _validate.non_negative(self.name, "gamma", self.gamma)
        if isinstance(self.alpha, (int, float)):
            _validate.share(self.name, "alpha", self.alpha)
        elif self.alpha is not None:
            values = _validate.weights(self.name, "alpha", list(self.alpha), (len(self.alpha),))
            object.__setattr__(self, "alpha", tuple(float(value) for value in values))

    @property
    def convex_curve(self) -> bool:
        """Without a focus only: else the loss of what is wrong bends towards a line."""
        return self.gamma == 0

    @property
    def class_factor(self) -> tuple[float, ...] | None:
        """``alpha`` of each class."""
        if isinstance(self.alpha, (int, float)):
            raise OptionError(
                self.name,
                f"alpha must be one number a class for a softmax; got {self.alpha!r}",
                "pass a tuple; the single number of RetinaNet is for sigmoids: Focal(...).binary",
            )
        return self.alpha

    @property
    def binary_factors(self) -> tuple[float, float]:
        """``alpha`` of the positive label, 1 - alpha of the negative one."""
        if self.alpha is None:
            return (1.0, 1.0)
        if not isinstance(self.alpha, (int, float)):
            raise OptionError(
                self.name,
                f"alpha must be one number for sigmoids; got {self.alpha!r}",
                "it is the factor of positives, negatives get 1 - alpha; one weight a label goes into weight=",
            )
        return (self.alpha, 1.0 - self.alpha)

    @property
    def binary_powers(self) -> tuple[float, float, float]:
        """The same power for both labels."""
        return (self.gamma, self.gamma, 0.0)

    @property
    def curve_terms(self) -> tuple[float, float, float, float, float]:
        """The last, or without a focus the first."""
        return (1.0, 0.0, 1.0, 0.0, 0.0) if self.gamma == 0 else (0.0, 0.0, 1.0, 1.0, self.gamma)

    def curve(self, nll: Any) -> Curve:
        """Return (1-p)^γ nll and (1-p)^γ (1 + γ p nll/(1-p)), whose last quotient is 1 at nll = 0."""
        return _focal(nll, self.gamma)


@register("poly1")
@dataclass(frozen=True)
class Poly1(Loss):
    """Poly-1 loss: cross-entropy with the first coefficient of its series in 1 - p raised by ε.

        f(nll) = nll + ε (1 - p),   p = exp(-nll)

    Parameters
    ----------
    epsilon
        ε ≥ -1.

    Notes
    -----
    Source: Leng et al. 2022 (arXiv:2204.12511).
    """

    epsilon: float = 1.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        _validate.at_least(self.name, "epsilon", self.epsilon, -1.0)

    @property
    def convex_curve(self) -> bool:
        """Up to ε = 1: the Hessian along v is at least (1 + ε p - max(ε, 0)) Var_p(v)."""
        return self.epsilon <= 1

    @property
    def curve_terms(self) -> tuple[float, float, float, float, float]:
        """The first, and ε of the second."""
        return (1.0, self.epsilon, 1.0, 0.0, 0.0)

    def curve(self, nll: Any) -> Curve:
        """Return nll + ε (1-p) and 1 + ε p."""
        xp = namespace(nll)
        return Curve(nll - self.epsilon * xp.expm1(-nll), 1.0 + self.epsilon * xp.exp(-nll))


@register("generalized_cross_entropy")
@dataclass(frozen=True)
class GeneralizedCrossEntropy(Loss):
    """Generalised cross-entropy: between cross-entropy (q → 0) and the mean absolute error (q = 1), for noisy labels.

        f(nll) = (1 - p^q) / q,   p = exp(-nll)

    Parameters
    ----------
    q
        In (0, 1].

    Notes
    -----
    Bounded by 1/q. Source: Zhang & Sabuncu 2018 (arXiv:1805.07836).
    """

    q: float = 0.7

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        _validate.share(self.name, "q", self.q)
        _validate.positive(self.name, "q", self.q)

    @property
    def curve_terms(self) -> tuple[float, float, float, float, float]:
        """The second."""
        return (0.0, 1.0, self.q, 0.0, 0.0)

    def curve(self, nll: Any) -> Curve:
        """Return (1 - p^q)/q and p^q."""
        return Curve(_one_minus_exp(self.q * nll) / self.q, namespace(nll).exp(-self.q * nll))


@register("symmetric_cross_entropy")
@dataclass(frozen=True)
class SymmetricCrossEntropy(Loss):
    """Symmetric cross-entropy: adds the cross-entropy with target and prediction exchanged, for noisy labels.

        f(nll) = α nll - β A (1 - p),   p = exp(-nll)

    Parameters
    ----------
    alpha, beta
        Factors ≥ 0 of the two parts.
    log_zero
        A < 0, in nats: what stands for the logarithm of 0 in the exchanged part.

    Notes
    -----
    Source: Wang et al. 2019 (doi:10.1109/ICCV.2019.00041).
    """

    alpha: float = 0.1
    beta: float = 1.0
    log_zero: float = -4.0

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        _validate.non_negative(self.name, "alpha", self.alpha)
        _validate.non_negative(self.name, "beta", self.beta)
        _validate.positive(self.name, "-log_zero", -self.log_zero)

    @property
    def convex_curve(self) -> bool:
        """Where the bounded part is the smaller one; see Poly-1."""
        return self.alpha >= -self.beta * self.log_zero

    @property
    def curve_terms(self) -> tuple[float, float, float, float, float]:
        """The first, and -β A of the second."""
        return (self.alpha, -self.beta * self.log_zero, 1.0, 0.0, 0.0)

    def curve(self, nll: Any) -> Curve:
        """Return α nll - β A (1-p) and α - β A p."""
        xp, reverse = namespace(nll), -self.beta * self.log_zero
        forward = self.alpha * nll if self.alpha > 0 else 0.0  # not 0 · inf
        return Curve(forward + reverse * _one_minus_exp(nll), self.alpha + reverse * xp.exp(-nll))


@register("asymmetric")
@dataclass(frozen=True)
class Asymmetric(Loss):
    """Asymmetric loss for multilabel data: easy negatives count less, very easy ones nothing. For sigmoids only.

        positive:  (1-p)^γ₊ · -log p                         p = σ(z)
        negative:  r^γ₋ · -log(1-r),   r = max(p - m, 0)

    Parameters
    ----------
    gamma_pos, gamma_neg
        γ₊, γ₋ ≥ 0.
    margin
        m in [0, 1).

    Notes
    -----
    Source: Ridnik et al. 2021 (doi:10.1109/ICCV48922.2021.00015).
    """

    gamma_pos: float = 0.0
    gamma_neg: float = 4.0
    margin: float = 0.05

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        _validate.non_negative(self.name, "gamma_pos", self.gamma_pos)
        _validate.non_negative(self.name, "gamma_neg", self.gamma_neg)
        if _validate.share(self.name, "margin", self.margin) == 1.0:
            raise OptionError(self.name, "margin must be below 1; got 1.0", "0.05 is usual")

    @property
    def class_factor(self) -> tuple[float, ...] | None:
        """Refused: a softmax has no negatives."""
        raise OptionError(
            self.name,
            "logits must be sigmoid logits; got a softmax loss",
            "call Asymmetric(...).binary; for exclusive classes use Focal",
        )

    @property
    def binary_powers(self) -> tuple[float, float, float]:
        """The parameters themselves."""
        return (self.gamma_pos, self.gamma_neg, self.margin)

    def curve(self, nll: Any) -> Curve:
        """Return the focal curve of the positive label."""
        return _focal(nll, self.gamma_pos)

    def negative_curve(self, nll: Any) -> Curve:
        """Return the focal curve of the negative label, of r in place of p."""
        if self.margin == 0:
            return _focal(nll, self.gamma_neg)
        xp = namespace(nll)
        kept = xp.exp(-nll)  # 1 - p
        r = _one_minus_exp(nll) - self.margin
        outside = r <= 0  # False where r is NaN, so that it stays so
        r = xp.where(outside, 0.5, r)  # any number that is safe
        rest = xp.where(outside, 0.5, kept + self.margin)  # 1 - r
        shifted = xp.where(r < 0.5, -xp.log1p(-xp.where(r < 0.5, r, 0.0)), -xp.log(rest))
        power = _power(r, self.gamma_neg)
        slope = kept * power * (self.gamma_neg * shifted / r + 1.0 / rest)
        return Curve(xp.where(outside, 0.0, power * shifted), xp.where(outside, 0.0, slope))


def _one_minus_exp(x: Any) -> Any:
    """Return 1 - exp(-x), x ≥ 0, so written that its derivative is found to be exp(-x); that of expm1 is 1 + expm1."""
    xp = namespace(x)
    small = x < 0.5
    return xp.where(small, -xp.expm1(-xp.where(small, x, 0.0)), 1.0 - xp.exp(-x))


def _power(base: Any, exponent: float) -> Any:
    """Return base^exponent, base > 0, whose derivatives of all orders meet no overflow on their way.

    That of order n holds base^(exponent - n), far beyond what is asked for: in the end as many derivatives of the base,
    as small as the base itself, are multiplied with it. Here it is the power of a number near 1 that is differentiated.
    """
    size = constant(base)
    if size is base or float(exponent).is_integer():  # then nothing is differentiated, or nothing grows
        return base**exponent
    return size**exponent * (base / size) ** exponent


def _focal(nll: Any, gamma: float) -> Curve:
    xp = namespace(nll)
    if gamma == 0:
        return Curve(nll, xp.ones_like(nll))
    finite = xp.where(nll < 800.0, nll, 800.0)  # p is 0 there: 0 · 800, not 0 · inf, in the derivatives too
    s = -xp.expm1(-finite)  # 1 - p
    inside = s > 0
    # nll/(1-p): where nll is small its series, for the derivative of the quotient would have 0² below the line.
    small = nll < 1e-4
    quotient = xp.where(small, 1.0 + finite * (0.5 + finite / 12.0), finite / xp.where(small, 1.0, s))
    power = xp.where(inside, _power(xp.where(inside, s, 1.0), gamma), 0.0)
    return Curve(power * nll, power * (1.0 + gamma * xp.exp(-nll) * quotient))
