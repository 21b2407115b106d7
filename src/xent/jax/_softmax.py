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
from xent.jax import _arguments, _native
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
    arrays = (
        z,
        labels,
        _arguments.weights(function, "weight", options.weight, (n_classes,), dtype),
        _arguments.weights(function, "sample_weight", options.sample_weight, leading, dtype),
        _arguments.log_prior(function, options, n_classes, dtype),
        _arguments.normalizer(function, options.normalizer, dtype),
    )
    counted = rule.sparse or (not rule.by_index and loss.linear and rule.kept >= 0 and options.weight is None)
    if counted and options.softcap is None and options.prior is None and _native.serves(*arrays):
        rule = replace(rule, native=True)
    return _reduced(rule, Reducer.of(options), options.return_stats, *arrays)


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
        if rule.native:
            label_coef = jnp.full(rows, rule.kept, dtype)

    of_row = 1.0 if reducer.mean == "torch" and not rule.by_index else mass
    if _in_one_pass(rule, reducer, logits):

        def shares(share: Array) -> Array:
            coef = row_weight * jnp.where(wrong & (row_weight != 0), jnp.nan, share)
            return _weighted_losses(rule, logits, target, label_coef, factor, coef)

        loss = reducer.of_shares(shares, row_weight * of_row, normalizer)
    else:
        values = _row_losses(rule, logits, target, label_coef, factor, mass if rule.loss.z_loss else None, offset)
        values = product(row_weight, values * jnp.where(wrong, jnp.nan, 1.0))
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
    if rule.sparse:
        return _uniform_coef(rule, logits, factor)
    dtype = computed_in(logits)
    eps, n_classes = rule.loss.label_smoothing, rule.n_classes
    hot = (_is_label(rule, logits.shape, target) if rule.by_index else target).astype(dtype)
    if eps > 0:  # a sum of terms ≥ 0
        spread = 1.0 / n_classes if rule.loss.smoothing == "uniform" else (1.0 - hot) / (n_classes - 1)
        hot = (1.0 - eps) * hot + eps * spread
    return times(hot, factor)


def _uniform_coef(rule: _Rule, logits: Array, factor: Array | None) -> Array:
    shape = tuple(n if at == rule.axis else 1 for at, n in enumerate(logits.shape))
    return times(jnp.full(shape, rule.uniform, computed_in(logits)), factor)


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
    if rule.native:
        return _native_forward(rule, logits, target, label_coef, factor, mass)
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
    if rule.native:
        return _native_backward(rule, saved, upstream)
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


# ---- the same through the compiled kernels: sparse rules and linear losses of probabilities, no soft cap, no prior


class _Numbers(NamedTuple):
    """What a loss is made of, one number a row: Σ t_k nll_k of the target as given, Σ c_k nll_k of smoothing, lse.

    Or what their derivatives are multiplied with in the gradient. None is not there, or 0.
    """

    nll: Any = None
    of_classes: Any = None
    lse: Any = None


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _pass(
    rule: _Rule, with_numbers: bool, logits: Array, target: Array, factor: Array | None, coefs: _Numbers | None
) -> tuple[_Numbers, Array | None]:
    """Return the numbers, those that the rule needs, and the gradient by the logits, where it has coefficients."""
    plain = partial(_plain_pass, rule, with_numbers)
    on_cpu = partial(_native_pass, rule, with_numbers)
    result: tuple[_Numbers, Array | None] = lax.platform_dependent(
        logits, target, factor, coefs, cpu=on_cpu, default=plain
    )
    return result


@_pass.defjvp
def _pass_jvp(rule: _Rule, with_numbers: bool, primals: Any, tangents: Any) -> Any:
    changes = jax.jvp(partial(_plain_pass, rule, with_numbers), primals, tangents)[1]
    return _pass(rule, with_numbers, *primals), changes


def _native_pass(
    rule: _Rule, with_numbers: bool, logits: Array, target: Array, factor: Array | None, coefs: _Numbers | None
) -> tuple[_Numbers, Array | None]:
    numbers = (with_numbers, with_numbers and rule.smoothed, with_numbers and rule.loss.z_loss > 0)
    uniform = rule.uniform if factor is None or not rule.smoothed else rule.uniform * factor
    *found, dlogits = _native.rows(
        logits,
        target,
        rule.axis,
        1.0 / rule.temperature,
        uniform,
        coefs or _Numbers(),
        wanted=(*numbers, coefs is not None),
    )
    return _Numbers(*found), dlogits


def _plain_pass(
    rule: _Rule, with_numbers: bool, logits: Array, target: Array, factor: Array | None, coefs: _Numbers | None
) -> tuple[_Numbers, Array | None]:
    """Return the same in XLA's operations: the one that is differentiated, and other platforms' own."""
    stats, numbers, dlogits = _statistics(rule, logits, None), _Numbers(), None
    if with_numbers:
        nll = _nll_of_classes(rule, logits, None, stats)
        numbers = _Numbers(
            _nll_of_label(rule, logits, target, None, stats)
            if rule.by_index
            else product(target.astype(nll.dtype), nll).sum(rule.axis, keepdims=True),
            product(_uniform_coef(rule, logits, factor), nll).sum(rule.axis, keepdims=True) if rule.smoothed else None,
            _lse(rule, stats) if rule.loss.z_loss else None,
        )
    if coefs is not None:
        zero = jnp.zeros_like(stats.rest)
        by_nll, by_classes, by_lse = (zero if each is None else each for each in coefs)
        dead = (by_nll == 0) & (by_classes == 0) & (by_lse == 0) & ~jnp.isfinite(stats.rest)
        stats, here = _Statistics(*(jnp.where(dead, 0.0, each) for each in stats)), jnp.where(dead, 0.0, logits)
        if rule.by_index:
            by_label = jnp.where(_is_label(rule, logits.shape, target), by_nll, 0.0)
        else:
            by_label = by_nll * target.astype(by_nll.dtype)
            by_nll = by_label.sum(rule.axis, keepdims=True)
        if rule.smoothed:
            coef = _uniform_coef(rule, logits, factor)
            by_label += by_classes * coef
            by_nll += by_classes * coef.sum(rule.axis, keepdims=True)
        dz = _by_z(rule, here, None, stats, by_nll, by_label, by_lse)
        dlogits = (dz / rule.temperature).astype(logits.dtype)
    return numbers, dlogits


def _native_forward(
    rule: _Rule, logits: Array, target: Array, label_coef: Any, factor: Array | None, mass: Array | None
) -> tuple[Array, Any]:
    numbers = _pass(rule, True, logits, target, factor, None)[0]
    if rule.by_index:
        numbers = _Numbers(*(None if each is None else jnp.where(target < 0, 0.0, each) for each in numbers))
    value = product(label_coef, rule.loss.curve(numbers.nll).value)
    if numbers.of_classes is not None:
        value += numbers.of_classes
    if mass is not None:
        value += product(rule.loss.z_loss * mass, numbers.lse**2)
    return value, (logits, target, label_coef, factor, mass, numbers)


def _native_backward(rule: _Rule, saved: Any, upstream: Array) -> Any:
    logits, target, label_coef, factor, mass, numbers = saved
    if rule.by_index:
        upstream = jnp.where(target < 0, 0.0, upstream)
    value, curve_slope = rule.loss.curve(numbers.nll)
    by_lse = d_mass = None
    if mass is not None:
        by_lse = product(2.0 * rule.loss.z_loss * upstream * mass, numbers.lse)
        d_mass = product(rule.loss.z_loss * upstream, numbers.lse**2)
    by_nll = product(upstream * label_coef, curve_slope)
    coefs = _Numbers(by_nll, _of_classes(rule, logits, factor, upstream), by_lse)
    return (
        _pass(rule, False, logits, target, factor, coefs)[1],
        _by_target(rule, logits, target, label_coef, upstream),
        product(upstream, taking_part(label_coef, value)),
        _by_factor(rule, logits, factor, upstream),
        d_mass,
        None,
    )


def _of_classes(rule: _Rule, logits: Array, factor: Array | None, upstream: Array) -> Array | None:
    """Return the upstream gradient of the classes' part, 0 if no class has any."""
    if not rule.smoothed:
        return None
    return jnp.where((_uniform_coef(rule, logits, factor) == 0).all(), 0.0, upstream)


def _by_target(rule: _Rule, logits: Array, target: Array, label_coef: Array, upstream: Array) -> Array | None:
    """Return the derivative by the target's probabilities: a pass of its own, where somebody asks for it."""
    if rule.by_index:
        return None
    by_nll = upstream * label_coef
    return product(by_nll, taking_part(target, _nll_of_live(rule, logits, by_nll))).astype(target.dtype)


def _by_factor(rule: _Rule, logits: Array, factor: Array | None, upstream: Array) -> Array | None:
    """Return the same by the factors of the classes' part."""
    if factor is None or not rule.smoothed:
        return None
    nll = taking_part(_uniform_coef(rule, logits, factor), _nll_of_live(rule, logits, upstream))
    return sum_to(factor, product(upstream * _uniform_coef(rule, logits, None), nll))


def _nll_of_live(rule: _Rule, logits: Array, upstream: Array) -> Array:
    """Return the nll of every class, but a number in rows of no upstream gradient that have none."""
    dead = (upstream == 0) & ~jnp.isfinite(_statistics(rule, logits, None).rest)
    here = jnp.where(dead, 0.0, logits)
    return _nll_of_classes(rule, here, None, _statistics(rule, here, None))


# ---- linear losses whose weights are known beforehand: value and gradient in one pass


def _in_one_pass(rule: _Rule, reducer: Reducer, logits: Array) -> bool:
    """Say whether the losses are best multiplied with what the reduction makes of them before they are summed.

    The gradient waits for what it is multiplied with; in float16 without that it may be too small for its type.
    """
    linear = rule.native and rule.loss.linear and rule.loss.z_loss == 0
    return linear and reducer.mining is None and reducer.reduction != "none" and logits.dtype != jnp.float16


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _weighted_losses(
    rule: _Rule, logits: Array, target: Array, label_coef: Array, factor: Array | None, row_coef: Array
) -> Array:
    """Return row_coef times :func:`_row_losses`."""
    numbers = _pass(rule, True, logits, target, factor, None)[0]
    return product(row_coef, _linear(label_coef, numbers))


def _linear(label_coef: Array, numbers: _Numbers) -> Array:
    value = product(label_coef, numbers.nll)
    return value if numbers.of_classes is None else value + numbers.of_classes


def _weighted_forward(
    rule: _Rule, logits: Any, target: Any, label_coef: Any, factor: Any, row_coef: Any
) -> tuple[Array, Any]:
    more = (factor is not None and rule.smoothed and factor.perturbed) or (not rule.by_index and target.perturbed)
    logits, target, label_coef, row_coef = (each.value for each in (logits, target, label_coef, row_coef))
    factor = None if factor is None else factor.value
    coefs = _Numbers(row_coef * label_coef, _of_classes(rule, logits, factor, row_coef))
    numbers, dlogits = _pass(rule, True, logits, target, factor, coefs)
    value = _linear(label_coef, numbers)
    saved = (dlogits, numbers.nll, value, label_coef, row_coef, (logits, target, factor) if more else None)
    return product(row_coef, value), saved


def _weighted_backward(rule: _Rule, saved: Any, upstream: Array) -> tuple[Array | None, ...]:
    dlogits, nll, value, label_coef, row_coef, arrays = saved
    by_row = upstream * row_coef
    d_target = d_factor = None
    if arrays is not None:
        logits, target, factor = arrays
        d_target = _by_target(rule, logits, target, label_coef, by_row)
        d_factor = _by_factor(rule, logits, factor, by_row)
    return (
        (upstream * dlogits.astype(upstream.dtype)).astype(dlogits.dtype),
        d_target,
        product(by_row, taking_part(label_coef, nll)),
        d_factor,
        product(upstream, taking_part(row_coef, value)),
    )


_weighted_losses.defvjp(_weighted_forward, _weighted_backward, symbolic_zeros=True)


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
