"""What the losses of softmax rows are made of, in XLA's operations: statistics, negative log-likelihoods, a gradient.

Here, and in the modules that build on it, what is one number a row keeps the class axis, of length 1, and what is one
number a class has length 1 along all others: no axis is moved, and all of it broadcasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from xent.jax._arithmetic import computed_in, large_number, tanh, times
from xent.losses import Loss


@dataclass(frozen=True, slots=True)
class Rule:
    """All of a loss of rows that is no array: what a function is compiled for."""

    loss: Loss
    axis: int
    n_classes: int
    by_index: bool
    ignore_index: int
    temperature: float
    softcap: float | None
    native: bool = False  # whether the compiled kernels serve it

    @property
    def sparse(self) -> bool:
        """Whether the target is one label, beside what smoothing gives to all classes alike."""
        return self.by_index and (self.loss.label_smoothing == 0 or (self.loss.linear and self.kept >= 0))

    @property
    def of_classes(self) -> bool:
        """Whether other classes than a row's one label have a part in its loss."""
        return not self.sparse or self.loss.label_smoothing > 0

    @property
    def smoothed(self) -> bool:
        """Whether smoothing gives something to all classes alike."""
        return self.loss.label_smoothing > 0

    @property
    def kept(self) -> float:
        """The factor of the target as it was given, in the smoothed one."""
        return self.loss.mixture(self.n_classes)[0]

    @property
    def uniform(self) -> float:
        """What smoothing adds to the target of every class."""
        return self.loss.mixture(self.n_classes)[1] / self.n_classes

    @property
    def unit(self) -> float:
        """What one unit of :func:`heights` is in nats."""
        return (self.softcap or 1.0) / self.temperature


def at_label(by_class: Array, target: Array) -> Array:
    """Return the number of each row's label; that of class 0 where the row is ignored."""
    return by_class.reshape(-1)[jnp.maximum(target, 0)]


def is_label(rule: Rule, shape: tuple[int, ...], target: Array) -> Array:
    return lax.broadcasted_iota(jnp.int32, shape, rule.axis) == target


# ---- the statistics of a row


class Statistics(NamedTuple):
    """``top`` is max z / unit, ``rest`` is Σ exp(z - max z) - 1 ≥ 0: what is left of 1 - p is in it."""

    top: Array
    rest: Array


def heights(rule: Rule, logits: Array, offset: Array | None) -> Array:
    """Return z / unit, where z is what the logits are after soft cap, temperature and prior.

    Nothing is multiplied before it is added: a compiler may fuse the two in one pass and not in another, and then the
    largest of a row would differ from itself.
    """
    x = logits.astype(computed_in(logits))
    height = x if rule.softcap is None else tanh(x / rule.softcap)
    return height if offset is None else height + offset / rule.unit


def _relative(rule: Rule, logits: Array, offset: Array | None, top: Array) -> Array:
    """Return z - max z: exactly 0 for the largest."""
    return (heights(rule, logits, offset) - top) * rule.unit


def statistics(rule: Rule, logits: Array, offset: Array | None) -> Statistics:
    top = lax.stop_gradient(heights(rule, logits, offset).max(rule.axis, keepdims=True))  # it cancels
    return Statistics(top, _rest(rule, logits, offset, top))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _rest(rule: Rule, logits: Array, offset: Array | None, top: Array) -> Array:
    """Return Σ exp(z - max z) - 1; where it is small it is summed without the largest term, which is 1."""

    def total(*arrays: Any) -> Array:
        return jnp.exp(_relative(rule, *arrays)).sum(rule.axis, keepdims=True)

    def without_largest(total: Array, *arrays: Any) -> Array:
        relative = _relative(rule, *arrays)
        others = (jnp.exp(relative) * below(relative)).sum(rule.axis, keepdims=True)
        return jnp.where((total < 1.5) & (others < 0.75), others, total - 1.0)

    def on_cpu(*arrays: Any) -> Array:
        once = total(*arrays)
        return where_needed((once < 1.5).any(), without_largest, lambda total, *_: total - 1.0, once, *arrays)

    def elsewhere(*arrays: Any) -> Array:
        return without_largest(total(*arrays), *arrays)

    return on_platform(on_cpu, elsewhere, logits, offset, top)


@_rest.defjvp
def _rest_jvp(rule: Rule, primals: Any, tangents: Any) -> tuple[Array, Array]:
    """Differentiate the largest term too, and no row that has no distribution, lest 0 · NaN be made of it."""
    rest = _rest(rule, *primals)
    relative, change = jax.jvp(partial(_relative, rule), primals, tangents)
    known = ~jnp.isnan(rest)
    terms = jnp.where(known, jnp.where(known, jnp.exp(relative), 0.0) * change, 0.0)
    return rest, terms.sum(rule.axis, keepdims=True)


def on_platform(on_cpu: Callable[..., Array], elsewhere: Callable[..., Array], *arrays: Any) -> Array:
    """Return what either function returns.

    On a CPU, XLA computes what is summed within the loop of the sum only if it is arithmetic and goes into one sum;
    else it writes matrices to memory. So the rare case that needs more has a branch of its own there. Elsewhere the
    fusion is good, and a branch would wait for the device.
    """
    result: Array = lax.platform_dependent(*arrays, cpu=on_cpu, default=elsewhere)
    return result


def where_needed(needed: Array, then: Callable[..., Array], otherwise: Callable[..., Array], *arrays: Any) -> Array:
    result: Array = lax.cond(needed, then, otherwise, *arrays)
    return result


def below(relative: Array) -> Array:
    """Return 0 where a number is 0, 1 where it is not, in arithmetic."""
    return jnp.minimum(1.0, jnp.abs(relative) * large_number(relative))


def lse_of(rule: Rule, stats: Statistics) -> Array:
    return stats.top * rule.unit + jnp.log1p(stats.rest)


def nll_of_label(rule: Rule, logits: Array, target: Array, offset: Array | None, stats: Statistics) -> Array:
    label = jnp.maximum(target, 0)
    logits = jnp.take_along_axis(logits, label, rule.axis, mode="promise_in_bounds")
    return nll_of_classes(rule, logits, None if offset is None else at_label(offset, label), stats)


def nll_of_classes(rule: Rule, logits: Array, offset: Array | None, stats: Statistics) -> Array:
    return jnp.log1p(stats.rest) - _relative(rule, logits, offset, stats.top)


def uniform_coef(rule: Rule, logits: Array, factor: Array | None) -> Array:
    shape = tuple(n if at == rule.axis else 1 for at, n in enumerate(logits.shape))
    return times(jnp.full(shape, rule.uniform, computed_in(logits)), factor)


def by_z(
    rule: Rule,
    logits: Array,
    offset: Array | None,
    stats: Statistics,
    by_softmax: Array,
    by_label: Array,
    by_lse: Array,
) -> Array:
    """Return (by_softmax + by_lse) · p - by_label for every class, where by_softmax is the sum of by_label."""
    relative = _relative(rule, logits, offset, stats.top)
    exps, inverse = jnp.exp(relative), 1.0 / (1.0 + stats.rest)
    probs = exps * inverse
    # Where p is above 1/2, its difference from the target is taken from 1 - p, the sum of the other probabilities.
    from_others = (by_softmax - by_label) - by_softmax * ((stats.rest + (1.0 - exps)) * inverse)
    likely = (relative == 0) & (stats.rest < 1)
    return jnp.where(likely, from_others, by_softmax * probs - by_label) + by_lse * probs
