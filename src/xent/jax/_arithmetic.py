"""What rows and entries share: products that leave out what takes no part, the soft cap's slope, the reduction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from xent._options import BinaryOptions, Empty, Mean, Mining, Options, Reduction


def computed_in(logits: Array) -> Any:
    """Return the dtype that a loss of these logits is computed in: theirs, but float32 at least."""
    return logits.dtype if logits.dtype.itemsize >= 4 else jnp.dtype(jnp.float32)


def large_number(like: Array) -> float:
    """Return a number near the largest of a dtype."""
    return float(jnp.finfo(like.dtype).max) / 4  # type: ignore[no-untyped-call]


def taking_part(coef: Array | float, values: Array) -> Array:
    """Return the values, 0 in place of infinite ones and NaN where the coefficient is 0."""
    return jnp.where((coef == 0) & ~jnp.isfinite(values), 0.0, values)


def product(coef: Array | float, values: Array) -> Array:
    """Return coef · values, but 0 where coef is 0, at infinite values and NaN too.

    Its derivative by a coef of 0 is the value nevertheless, where that is finite.
    """
    return coef * taking_part(coef, values)


def times(values: Array, *factors: Array | None) -> Array:
    """Return the product of all; None is 1."""
    for factor in factors:
        values = values if factor is None else values * factor
    return values


def sum_to(like: Array, values: Array) -> Array:
    """Return the sum of the values over the axes along which ``like``, of as many axes, was broadcast."""
    axes = tuple(axis for axis, size in enumerate(like.shape) if size == 1)
    return values.sum(axes, keepdims=True)


def equals(values: Array, number: int) -> Array:
    """Return where the values are that number, which need not be one of their dtype."""
    if jnp.issubdtype(values.dtype, jnp.integer):
        bounds = jnp.iinfo(values.dtype)  # type: ignore[no-untyped-call]
        if not bounds.min <= number <= bounds.max:
            return jnp.zeros(values.shape, bool)
        return values == jnp.asarray(number, values.dtype)
    return values == number


@jax.custom_jvp
def tanh(x: Array) -> Array:
    """Return tanh; its derivative is 0 where x is NaN, for 0 · NaN would be NaN in a row that takes no part."""
    return jnp.tanh(x)


@tanh.defjvp
def _tanh_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """Differentiate it: 1 - tanh² = 1/cosh² = 4 e^-2|x| / (1 + e^-2|x|)², which neither cancels nor overflows."""
    (x,), (change,) = primals, tangents
    decay = jnp.exp(-2.0 * jnp.abs(x))
    return tanh(x), jnp.where(jnp.isnan(x), 0.0, 4.0 * decay / (1.0 + decay) ** 2) * change


@jax.custom_jvp
def sigmoid(x: Array) -> Array:
    """Return 1/(1 + exp(-x)); its derivative is not written as p (1 - p), which cancels where p is near 1."""
    return jax.nn.sigmoid(x)


@sigmoid.defjvp
def _sigmoid_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (change,) = primals, tangents
    return sigmoid(x), sigmoid(x) * sigmoid(-x) * change


@jax.custom_jvp
def softplus(x: Array) -> Array:
    """Return log(1 + exp x), whose derivatives are those of :func:`sigmoid`."""
    return jax.nn.softplus(x)


@softplus.defjvp
def _softplus_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (x,), (change,) = primals, tangents
    return softplus(x), sigmoid(x) * change


def slope(logits: Array, temperature: float, softcap: float | None) -> Array | float:
    """Return the derivative of softcap · tanh(logits / softcap) / temperature."""
    if softcap is None:
        return 1.0 / temperature
    x = logits.astype(computed_in(logits)) / softcap
    derivative: Array = jax.jvp(tanh, (x,), (jnp.ones_like(x),))[1]
    return derivative / temperature


@dataclass(frozen=True, slots=True)
class Reducer:
    """How many losses become one."""

    reduction: Reduction
    mean: Mean
    empty: Empty
    mining: Mining | None

    @classmethod
    def of(cls, options: Options | BinaryOptions) -> Reducer:
        """Return what these options say."""
        return cls(options.reduction, options.mean, options.empty, options.mining)

    def __call__(
        self, values: Array, counted: Array, live: Array, positive: Array | None, normalizer: Array | None
    ) -> Array:
        """Return the reduced losses.

        Parameters
        ----------
        values
            The losses, multiplied with their weights.
        counted
            What each adds to the mean's denominator.
        live, positive
            Booleans for mining: what takes part at all, what is positive.
        normalizer
            The caller's denominator.
        """
        if self.mining is not None:
            kept = self.mining.keep(lax.stop_gradient(values), positive, live)
            values, counted = jnp.where(kept, values, 0.0), jnp.where(kept, counted, 0.0)
        if self.reduction == "none":
            return values
        total = values.sum(dtype=_wide(values))
        if self.reduction == "mean" and normalizer is not None:
            total = total / normalizer
        elif self.reduction == "mean":
            denominator = counted.sum(dtype=_wide(values))
            nothing = denominator == 0
            total = total / jnp.where(nothing, 1.0, denominator)
            total = jnp.where(nothing, jnp.nan if self.empty == "nan" else 0.0, total)
        return total.astype(values.dtype)

    def of_shares(self, of: Callable[[Array], Array], counted: Array, normalizer: Array | None) -> Array:
        """Return the reduced losses, where ``of`` returns them multiplied with the number that it is given.

        That is known before they are. Their sum comes last and nothing is done to it that has a derivative, so that of
        each is 1 already when the program is compiled.
        """
        share, empty = jnp.ones((), counted.dtype), jnp.zeros(())
        if self.reduction == "mean" and normalizer is not None:
            share = 1.0 / normalizer
        elif self.reduction == "mean":
            denominator = counted.sum(dtype=_wide(counted))
            nothing = denominator == 0
            share = jnp.where(nothing, 0.0, 1.0 / jnp.where(nothing, 1.0, denominator))
            empty = jnp.where(nothing, jnp.nan if self.empty == "nan" else 0.0, 0.0)
        values = of(share.astype(counted.dtype))
        return (values.sum(dtype=_wide(values)) + empty).astype(values.dtype)


def _wide(values: Array) -> Any:
    """Return the dtype of sums over many rows: float64 where JAX has it."""
    return jnp.result_type(float, values.dtype)
