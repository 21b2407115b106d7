"""Softmax rows: the value of each in float32 or float64, and its gradient, for any loss.

Within this module what is one number a row keeps the class axis, of length 1, and what is one number a class has length
1 along all others: no axis is moved, and all of it broadcasts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from xent import _validate
from xent._options import Options, Stats
from xent.jax import _arguments
from xent.jax._arithmetic import (
    Reducer,
    computed_in,
    equals,
    large_number,
    product,
    slope,
    sum_to,
    taking_part,
    tanh,
    times,
)
from xent.losses import CrossEntropy, Loss


@dataclass(frozen=True, slots=True)
class _Rule:
    """All of a loss of rows that is no array: what a function is compiled for."""

    loss: Loss
    axis: int
    n_classes: int
    by_index: bool
    ignore_index: int
    temperature: float
    softcap: float | None

    @property
    def sparse(self) -> bool:
        """Whether the target is one label, beside what smoothing gives to all classes alike."""
        return self.by_index and (self.loss.label_smoothing == 0 or (self.loss.linear and self.kept >= 0))

    @property
    def of_classes(self) -> bool:
        """Whether other classes than a row's one label have a part in its loss."""
        return not self.sparse or self.loss.label_smoothing > 0

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
        """What one unit of :func:`_height` is in nats."""
        return (self.softcap or 1.0) / self.temperature


def softmax_loss(loss: Loss, function: str, logits: Array, target: Any, options: Options) -> Any:
    """Return the reduced loss of softmax rows; with ``return_stats`` a pair, the :class:`Stats` beside it."""
    options.check(function)
    z = _arguments.floating(function, logits)
    axis = _validate.class_axis(function, "logits", z, options.axis)  # type: ignore[arg-type]
    n_classes, dtype = z.shape[axis], computed_in(z)
    labels = _arguments.softmax_target(function, target, z.shape, axis, options.ignore_index)
    leading = z.shape[:axis] + z.shape[axis + 1 :]
    if loss.class_factor is not None:
        _validate.weights(function, "alpha", loss.class_factor, (n_classes,))
    loss.mixture(n_classes)  # refuses smoothing="others" where there are none
    rule = _Rule(
        loss, axis, n_classes, labels.ndim < z.ndim, options.ignore_index, options.temperature, options.softcap
    )
    return _reduced(
        rule,
        Reducer.of(options),
        options.return_stats,
        z,
        labels,
        _arguments.weights(function, "weight", options.weight, (n_classes,), dtype),
        _arguments.weights(function, "sample_weight", options.sample_weight, leading, dtype),
        _arguments.log_prior(function, options, n_classes, dtype),
        _arguments.normalizer(function, options.normalizer, dtype),
    )


@partial(jax.jit, static_argnums=(0, 1, 2))
def _reduced(
    rule: _Rule,
    reducer: Reducer,
    return_stats: bool,
    logits: Array,
    target: Array,
    weight: Array | None,
    sample_weight: Array | None,
    offset: Array | None,
    normalizer: Array | None,
) -> Any:
    """Return the reduced loss of arguments that are checked."""
    dtype, axis = computed_in(logits), rule.axis
    # All passes over the logits must see the same bits, not round what makes them each in its own way.
    logits = lax.optimization_barrier(logits)  # type: ignore[no-untyped-call]
    rows = (*logits.shape[:axis], 1, *logits.shape[axis + 1 :])

    def for_classes(values: Any) -> Array:
        each = jnp.broadcast_to(jnp.asarray(values, dtype), rule.n_classes)
        return each.reshape(tuple(-1 if at == axis else 1 for at in range(logits.ndim)))

    offset = None if offset is None else for_classes(offset)
    factor = weight = None if weight is None else for_classes(weight)
    if rule.loss.class_factor is not None:
        factor = times(for_classes(rule.loss.class_factor), weight)
    row_weight = jnp.ones(rows, dtype)
    if sample_weight is not None:
        row_weight = row_weight * jnp.expand_dims(sample_weight, axis)

    label_coef = None
    if rule.by_index:
        target, ignored, wrong = _labels(rule, jnp.expand_dims(target, axis))
        row_weight = jnp.where(ignored, 0.0, row_weight)
        mass = jnp.ones(rows, dtype) if weight is None else _at_label(weight, target)
        if rule.sparse:
            label_coef = rule.kept * (jnp.ones(rows, dtype) if factor is None else _at_label(factor, target))
    else:
        ignored = wrong = jnp.zeros(rows, bool)
        mass = times(target.astype(dtype), weight).sum(axis, keepdims=True)

    values = _row_losses(rule, logits, target, label_coef, factor, mass if rule.loss.z_loss else None, offset)
    values = product(row_weight, values * jnp.where(wrong, jnp.nan, 1.0))
    of_row = 1.0 if reducer.mean == "torch" and not rule.by_index else mass
    positive = None
    if reducer.mining is not None:
        label = target if rule.by_index else _first_largest(target, axis)
        positive = label != getattr(reducer.mining, "background", 0)
    loss = reducer(values, row_weight * of_row, row_weight > 0, positive, normalizer)
    loss = loss.squeeze(axis) if reducer.reduction == "none" else loss
    if not return_stats:
        return loss
    stats = _describe(rule, *lax.stop_gradient((logits, target, offset)), unknown=ignored | wrong)
    return loss, Stats(*(each.squeeze(axis) for each in stats))


def _labels(rule: _Rule, target: Array) -> tuple[Array, Array, Array]:
    """Return class indices (int32, -1 where ignored, 0 where wrong), which are ignored, and which are wrong."""
    ignored = equals(target, rule.ignore_index)
    last = min(rule.n_classes - 1, int(jnp.iinfo(target.dtype).max))  # type: ignore[no-untyped-call]
    wrong = ((target < 0) | (target > jnp.asarray(last, target.dtype))) & ~ignored
    label = jnp.where(wrong, 0, target).astype(jnp.int32)
    return jnp.where(ignored, -1, label), ignored, wrong


def _at_label(by_class: Array, target: Array) -> Array:
    """Return the number of each row's label; that of class 0 where the row is ignored."""
    return by_class.reshape(-1)[jnp.maximum(target, 0)]


def _is_label(rule: _Rule, shape: tuple[int, ...], target: Array) -> Array:
    return lax.broadcasted_iota(jnp.int32, shape, rule.axis) == target


def _first_largest(values: Array, axis: int) -> Array:
    """Return the first class of largest value, K where there is NaN; many times faster than XLA's argmax on a CPU."""
    values, n_classes = values.astype(computed_in(values)), values.shape[axis]
    classes = lax.broadcasted_iota(values.dtype, values.shape, axis)
    first = (classes + n_classes * _below(values - values.max(axis, keepdims=True))).min(axis, keepdims=True)
    return jnp.where(jnp.isnan(first), n_classes, first).astype(jnp.int32)


# ---- the statistics of a row


class _Statistics(NamedTuple):
    """``top`` is max z / unit, ``rest`` is Σ exp(z - max z) - 1 ≥ 0: what is left of 1 - p is in it."""

    top: Array
    rest: Array


def _height(rule: _Rule, logits: Array, offset: Array | None) -> Array:
    """Return z / unit, where z is what the logits are after soft cap, temperature and prior.

    Nothing is multiplied before it is added: a compiler may fuse the two in one pass and not in another, and then the
    largest of a row would differ from itself.
    """
    x = logits.astype(computed_in(logits))
    height = x if rule.softcap is None else tanh(x / rule.softcap)
    return height if offset is None else height + offset / rule.unit


def _relative(rule: _Rule, logits: Array, offset: Array | None, top: Array) -> Array:
    """Return z - max z: exactly 0 for the largest."""
    return (_height(rule, logits, offset) - top) * rule.unit


def _statistics(rule: _Rule, logits: Array, offset: Array | None) -> _Statistics:
    top = lax.stop_gradient(_height(rule, logits, offset).max(rule.axis, keepdims=True))  # it cancels
    return _Statistics(top, _rest(rule, logits, offset, top))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _rest(rule: _Rule, logits: Array, offset: Array | None, top: Array) -> Array:
    """Return Σ exp(z - max z) - 1; where it is small it is summed without the largest term, which is 1."""

    def total(*arrays: Any) -> Array:
        return jnp.exp(_relative(rule, *arrays)).sum(rule.axis, keepdims=True)

    def without_largest(total: Array, *arrays: Any) -> Array:
        relative = _relative(rule, *arrays)
        others = (jnp.exp(relative) * _below(relative)).sum(rule.axis, keepdims=True)
        return jnp.where((total < 1.5) & (others < 0.75), others, total - 1.0)

    def on_cpu(*arrays: Any) -> Array:
        once = total(*arrays)
        return _where_needed((once < 1.5).any(), without_largest, lambda total, *_: total - 1.0, once, *arrays)

    def elsewhere(*arrays: Any) -> Array:
        return without_largest(total(*arrays), *arrays)

    return _on_platform(on_cpu, elsewhere, logits, offset, top)


@_rest.defjvp
def _rest_jvp(rule: _Rule, primals: Any, tangents: Any) -> tuple[Array, Array]:
    """Differentiate the largest term too, and no row that has no distribution, lest 0 · NaN be made of it."""
    rest = _rest(rule, *primals)
    relative, change = jax.jvp(partial(_relative, rule), primals, tangents)
    known = ~jnp.isnan(rest)
    terms = jnp.where(known, jnp.where(known, jnp.exp(relative), 0.0) * change, 0.0)
    return rest, terms.sum(rule.axis, keepdims=True)


def _on_platform(on_cpu: Callable[..., Array], elsewhere: Callable[..., Array], *arrays: Any) -> Array:
    """Return what either function returns.

    On a CPU, XLA computes what is summed within the loop of the sum only if it is arithmetic and goes into one sum;
    else it writes matrices to memory. So the rare case that needs more has a branch of its own there. Elsewhere the
    fusion is good, and a branch would wait for the device.
    """
    result: Array = lax.platform_dependent(*arrays, cpu=on_cpu, default=elsewhere)
    return result


def _where_needed(needed: Array, then: Callable[..., Array], otherwise: Callable[..., Array], *arrays: Any) -> Array:
    result: Array = lax.cond(needed, then, otherwise, *arrays)
    return result


def _below(relative: Array) -> Array:
    """Return 0 where a number is 0, 1 where it is not, in arithmetic."""
    return jnp.minimum(1.0, jnp.abs(relative) * large_number(relative))


def _lse(rule: _Rule, stats: _Statistics) -> Array:
    return stats.top * rule.unit + jnp.log1p(stats.rest)


def _nll_of_label(rule: _Rule, logits: Array, target: Array, offset: Array | None, stats: _Statistics) -> Array:
    label = jnp.maximum(target, 0)
    logits = jnp.take_along_axis(logits, label, rule.axis, mode="promise_in_bounds")
    return _nll_of_classes(rule, logits, None if offset is None else _at_label(offset, label), stats)


def _nll_of_classes(rule: _Rule, logits: Array, offset: Array | None, stats: _Statistics) -> Array:
    return jnp.log1p(stats.rest) - _relative(rule, logits, offset, stats.top)


def _class_coef(rule: _Rule, logits: Array, target: Array, factor: Array | None) -> Array:
    """Return what the losses of the classes are multiplied with; not the label's own part where the rule is sparse."""
    dtype = computed_in(logits)
    if rule.sparse:
        shape = tuple(n if at == rule.axis else 1 for at, n in enumerate(logits.shape))
        return times(jnp.full(shape, rule.uniform, dtype), factor)
    eps, n_classes = rule.loss.label_smoothing, rule.n_classes
    hot = (_is_label(rule, logits.shape, target) if rule.by_index else target).astype(dtype)
    if eps > 0:  # a sum of terms ≥ 0
        spread = 1.0 / n_classes if rule.loss.smoothing == "uniform" else (1.0 - hot) / (n_classes - 1)
        hot = (1.0 - eps) * hot + eps * spread
    return times(hot, factor)


# ---- the loss of a row and its derivatives


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _row_losses(
    rule: _Rule,
    logits: Array,
    target: Array,
    label_coef: Array | None,
    factor: Array | None,
    mass: Array | None,
    offset: Array | None,
) -> Array:
    """Return Σ_k t_k factor_k f(nll_k) + z_loss · mass · lse² of each row, t the smoothed target.

    ``target`` is int32 (-1: an ignored row, whatever its logits are) or probabilities. ``factor`` and ``offset`` are
    one number a class, ``mass`` is one a row, and each may be None where it changes nothing. ``label_coef``, one number
    a row, stands for the label's own part of t_k factor_k where the rule is ``sparse``; it is None elsewhere.
    """
    return _forward(rule, logits, target, label_coef, factor, mass, offset)[0]


def _forward(
    rule: _Rule,
    logits: Array,
    target: Array,
    label_coef: Array | None,
    factor: Array | None,
    mass: Array | None,
    offset: Array | None,
) -> tuple[Array, Any]:
    stats = _statistics(rule, logits, offset)
    ignored = jnp.asarray(target < 0 if rule.by_index else False)
    stats = _Statistics(jnp.where(ignored, 0.0, stats.top), jnp.where(ignored, 0.0, stats.rest))
    value = jnp.zeros_like(stats.rest)
    if label_coef is not None:
        nll = jnp.where(ignored, 0.0, _nll_of_label(rule, logits, target, offset, stats))
        value = product(label_coef, rule.loss.curve(nll).value)
    if rule.of_classes:
        value = value + _sum_over_classes(rule, logits, target, factor, offset, stats)
    if mass is not None:
        value = value + product(rule.loss.z_loss * mass, _lse(rule, stats) ** 2)
    return jnp.where(ignored, 0.0, value), (logits, target, label_coef, factor, mass, offset, stats)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _sum_over_classes(
    rule: _Rule, logits: Array, target: Array, factor: Array | None, offset: Array | None, stats: _Statistics
) -> Array:
    """Return Σ coef_k f(nll_k), where a class of coefficient 0 takes no part."""

    def plain(*arrays: Any) -> Array:
        coef, nll = _class_terms(rule, *arrays)
        values: Array = rule.loss.curve(nll).value
        return (coef * values).sum(rule.axis, keepdims=True)

    def on_cpu(*arrays: Any) -> Array:
        once = plain(*arrays)
        return _where_needed(
            jnp.isnan(once).any(), lambda _, *arrays: careful(*arrays), lambda once, *_: once, once, *arrays
        )

    careful = partial(_sum_of_those_taking_part, rule)
    return _on_platform(on_cpu, careful, logits, target, factor, offset, stats)


@_sum_over_classes.defjvp
def _sum_over_classes_jvp(rule: _Rule, primals: Any, tangents: Any) -> tuple[Array, Array]:
    result: tuple[Array, Array] = jax.jvp(partial(_sum_of_those_taking_part, rule), primals, tangents)
    return result


def _sum_of_those_taking_part(rule: _Rule, *arrays: Any) -> Array:
    coef, nll = _class_terms(rule, *arrays)
    if rule.by_index:
        nll = jnp.where(arrays[1] < 0, 0.0, nll)
    return product(coef, rule.loss.curve(nll).value).sum(rule.axis, keepdims=True)


def _class_terms(
    rule: _Rule, logits: Array, target: Array, factor: Array | None, offset: Array | None, stats: _Statistics
) -> tuple[Array, Array]:
    return _class_coef(rule, logits, target, factor), _nll_of_classes(rule, logits, offset, stats)


def _backward(rule: _Rule, saved: Any, upstream: Array) -> Any:
    logits, target, label_coef, factor, mass, offset, stats = saved
    axis, z_loss = rule.axis, rule.loss.z_loss
    coef = _class_coef(rule, logits, target, factor) if rule.of_classes else None
    of_classes = 0.0 if coef is None else coef.sum(axis, keepdims=True)

    # A row of which nothing is asked has a gradient of 0: its logits, NaN perhaps, are replaced.
    asked = of_classes if label_coef is None else label_coef + of_classes
    dead = (asked * upstream == 0) & ~jnp.isfinite(stats.rest)
    if mass is not None:
        dead = dead & (mass * upstream == 0)
    if rule.by_index:
        dead = dead | (target < 0)
    level = 0.0 if offset is None else (offset / rule.unit).max()
    stats = _Statistics(jnp.where(dead, level, stats.top), jnp.where(dead, 0.0, stats.rest))
    here = jnp.where(dead, 0.0, logits)

    # by_label is what the target's side of the gradient has for every class, by_softmax is its sum.
    by_softmax, by_label = jnp.zeros_like(upstream), jnp.zeros((), upstream.dtype)
    d_label_coef = d_factor = d_target = None
    if label_coef is not None:
        nll = jnp.where(dead, 0.0, _nll_of_label(rule, logits, target, offset, stats))
        value, curve_slope = rule.loss.curve(nll)
        by_softmax = product(upstream * label_coef, curve_slope)
        by_label = jnp.where(_is_label(rule, logits.shape, target), by_softmax, 0.0)
        d_label_coef = product(upstream, taking_part(label_coef, value))
    if coef is not None:
        value, curve_slope = rule.loss.curve(_nll_of_classes(rule, here, offset, stats))
        by_class = product(upstream * coef, curve_slope)
        by_softmax += upstream * of_classes if rule.loss.linear else by_class.sum(axis, keepdims=True)
        by_label += by_class
        value = taking_part(coef, value)
        if factor is not None:
            shares = _class_coef(rule, logits, target, None)
            d_factor = sum_to(factor, product(upstream * shares, value))
        if not rule.by_index:
            d_target = product(times(rule.kept * upstream, factor), value).astype(target.dtype)

    lse, by_lse = _lse(rule, stats), jnp.zeros((), upstream.dtype)
    if mass is not None:
        by_lse = product(2.0 * z_loss * upstream * mass, lse)
    dz = _by_z(rule, here, offset, stats, by_softmax, by_label, by_lse)
    return (
        (dz * slope(here, rule.temperature, rule.softcap)).astype(logits.dtype),
        d_target,
        d_label_coef,
        d_factor,
        None if mass is None else product(z_loss * upstream, lse**2),
        None if offset is None else sum_to(offset, dz),
    )


def _by_z(
    rule: _Rule,
    logits: Array,
    offset: Array | None,
    stats: _Statistics,
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


_row_losses.defvjp(_forward, _backward)


def _describe(rule: _Rule, logits: Array, target: Array, offset: Array | None, unknown: Array) -> Stats:
    """Return the statistics for the caller; where the target is unknown there is no log-probability of it."""
    stats = _statistics(rule, logits, offset)
    if rule.by_index:
        nll, label = _nll_of_label(rule, logits, target, offset, stats), target
    else:
        as_given = replace(rule, loss=CrossEntropy())
        nll = _sum_over_classes(as_given, logits, target, None, offset, stats)
        label = _first_largest(target, rule.axis)
    nlls = _nll_of_classes(rule, logits, offset, stats)
    finite = jnp.minimum(nlls, large_number(nlls))
    return Stats(
        lse=jnp.where(jnp.isfinite(stats.top), _lse(rule, stats), stats.top),
        target_log_prob=jnp.where(unknown, jnp.nan, -nll),
        entropy=(jnp.exp(-nlls) * finite).sum(rule.axis, keepdims=True),
        correct=(_first_largest(_height(rule, logits, offset), rule.axis) == label) & ~unknown,
    )
