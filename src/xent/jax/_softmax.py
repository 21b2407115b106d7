"""The losses of softmax rows: their options, their reduction, and the rule for those that XLA computes.

What is computed of logits is in :mod:`xent.jax._rows`; which losses go through the compiled kernels, and how, in
:mod:`xent.jax._row_kernels`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from xent import _validate
from xent._options import Options, Stats
from xent.jax import _arguments, _row_kernels
from xent.jax._arithmetic import Reducer, computed_in, equals, large_number, product, slope, sum_to, taking_part, times
from xent.jax._rows import (
    Rule,
    Statistics,
    at_label,
    below,
    by_z,
    heights,
    is_label,
    lse_of,
    nll_of_classes,
    nll_of_label,
    on_platform,
    statistics,
    uniform_coef,
    where_needed,
)
from xent.losses import CrossEntropy, Loss


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
    rule = Rule(loss, axis, n_classes, labels.ndim < z.ndim, options.ignore_index, options.temperature, options.softcap)
    arrays = (
        z,
        labels,
        _arguments.weights(function, "weight", options.weight, (n_classes,), dtype),
        _arguments.weights(function, "sample_weight", options.sample_weight, leading, dtype),
        _arguments.log_prior(function, options, n_classes, dtype),
        _arguments.normalizer(function, options.normalizer, dtype),
    )
    rule = replace(rule, native=_row_kernels.serve(rule, *arrays))
    return _reduced(rule, Reducer.of(options), options.return_stats, *arrays)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _reduced(
    rule: Rule,
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
        mass = jnp.ones(rows, dtype) if weight is None else at_label(weight, target)
        if rule.sparse:
            label_coef = rule.kept * (jnp.ones(rows, dtype) if factor is None else at_label(factor, target))
    else:
        ignored = wrong = jnp.zeros(rows, bool)
        mass = times(target.astype(dtype), weight).sum(axis, keepdims=True)
        if rule.native:
            label_coef = jnp.full(rows, rule.kept, dtype)

    of_row = 1.0 if reducer.mean == "torch" and not rule.by_index else mass
    of_square = mass if rule.loss.z_loss else None
    if _row_kernels.in_one_pass(rule, reducer, logits):

        def shares(share: Array) -> Array:
            coef = row_weight * jnp.where(wrong & (row_weight != 0), jnp.nan, share)
            return _row_kernels.weighted_losses(rule, logits, target, label_coef, factor, of_square, coef)

        loss = reducer.of_shares(shares, row_weight * of_row, normalizer)
    else:
        values = _row_losses(rule, logits, target, label_coef, factor, of_square, offset)
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


def _labels(rule: Rule, target: Array) -> tuple[Array, Array, Array]:
    """Return class indices (int32, -1 where ignored, 0 where wrong), which are ignored, and which are wrong."""
    ignored = equals(target, rule.ignore_index)
    last = min(rule.n_classes - 1, int(jnp.iinfo(target.dtype).max))  # type: ignore[no-untyped-call]
    wrong = ((target < 0) | (target > jnp.asarray(last, target.dtype))) & ~ignored
    label = jnp.where(wrong, 0, target).astype(jnp.int32)
    return jnp.where(ignored, -1, label), ignored, wrong


def _first_largest(values: Array, axis: int) -> Array:
    """Return the first class of largest value, K where there is NaN; many times faster than XLA's argmax on a CPU."""
    values, n_classes = values.astype(computed_in(values)), values.shape[axis]
    classes = lax.broadcasted_iota(values.dtype, values.shape, axis)
    first = (classes + n_classes * below(values - values.max(axis, keepdims=True))).min(axis, keepdims=True)
    return jnp.where(jnp.isnan(first), n_classes, first).astype(jnp.int32)


def _class_coef(rule: Rule, logits: Array, target: Array, factor: Array | None) -> Array:
    """Return what the losses of the classes are multiplied with; not the label's own part where the rule is sparse."""
    if rule.sparse:
        return uniform_coef(rule, logits, factor)
    dtype = computed_in(logits)
    eps, n_classes = rule.loss.label_smoothing, rule.n_classes
    hot = (is_label(rule, logits.shape, target) if rule.by_index else target).astype(dtype)
    if eps > 0:  # a sum of terms ≥ 0
        spread = 1.0 / n_classes if rule.loss.smoothing == "uniform" else (1.0 - hot) / (n_classes - 1)
        hot = (1.0 - eps) * hot + eps * spread
    return times(hot, factor)


# ---- the loss of a row and its derivatives


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _row_losses(
    rule: Rule,
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
    rule: Rule,
    logits: Array,
    target: Array,
    label_coef: Array | None,
    factor: Array | None,
    mass: Array | None,
    offset: Array | None,
) -> tuple[Array, Any]:
    if rule.native:
        return _row_kernels.forward(rule, logits, target, label_coef, factor, mass)
    stats = statistics(rule, logits, offset)
    ignored = jnp.asarray(target < 0 if rule.by_index else False)
    stats = Statistics(jnp.where(ignored, 0.0, stats.top), jnp.where(ignored, 0.0, stats.rest))
    value = jnp.zeros_like(stats.rest)
    if label_coef is not None:
        nll = jnp.where(ignored, 0.0, nll_of_label(rule, logits, target, offset, stats))
        value = product(label_coef, rule.loss.curve(nll).value)
    if rule.of_classes:
        value = value + _sum_over_classes(rule, logits, target, factor, offset, stats)
    if mass is not None:
        value = value + product(rule.loss.z_loss * mass, lse_of(rule, stats) ** 2)
    return jnp.where(ignored, 0.0, value), (logits, target, label_coef, factor, mass, offset, stats)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _sum_over_classes(
    rule: Rule, logits: Array, target: Array, factor: Array | None, offset: Array | None, stats: Statistics
) -> Array:
    """Return Σ coef_k f(nll_k), where a class of coefficient 0 takes no part."""

    def plain(*arrays: Any) -> Array:
        coef, nll = _class_terms(rule, *arrays)
        values: Array = rule.loss.curve(nll).value
        return (coef * values).sum(rule.axis, keepdims=True)

    def on_cpu(*arrays: Any) -> Array:
        once = plain(*arrays)
        return where_needed(
            jnp.isnan(once).any(), lambda _, *arrays: careful(*arrays), lambda once, *_: once, once, *arrays
        )

    careful = partial(_sum_of_those_taking_part, rule)
    return on_platform(on_cpu, careful, logits, target, factor, offset, stats)


@_sum_over_classes.defjvp
def _sum_over_classes_jvp(rule: Rule, primals: Any, tangents: Any) -> tuple[Array, Array]:
    result: tuple[Array, Array] = jax.jvp(partial(_sum_of_those_taking_part, rule), primals, tangents)
    return result


def _sum_of_those_taking_part(rule: Rule, *arrays: Any) -> Array:
    coef, nll = _class_terms(rule, *arrays)
    if rule.by_index:
        nll = jnp.where(arrays[1] < 0, 0.0, nll)
    return product(coef, rule.loss.curve(nll).value).sum(rule.axis, keepdims=True)


def _class_terms(
    rule: Rule, logits: Array, target: Array, factor: Array | None, offset: Array | None, stats: Statistics
) -> tuple[Array, Array]:
    return _class_coef(rule, logits, target, factor), nll_of_classes(rule, logits, offset, stats)


def _backward(rule: Rule, saved: Any, upstream: Array) -> Any:
    if rule.native:
        return _row_kernels.backward(rule, saved, upstream)
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
    stats = Statistics(jnp.where(dead, level, stats.top), jnp.where(dead, 0.0, stats.rest))
    here = jnp.where(dead, 0.0, logits)

    # by_label is what the target's side of the gradient has for every class, by_softmax is its sum.
    by_softmax, by_label = jnp.zeros_like(upstream), jnp.zeros((), upstream.dtype)
    d_label_coef = d_factor = d_target = None
    if label_coef is not None:
        nll = jnp.where(dead, 0.0, nll_of_label(rule, logits, target, offset, stats))
        value, curve_slope = rule.loss.curve(nll)
        by_softmax = product(upstream * label_coef, curve_slope)
        by_label = jnp.where(is_label(rule, logits.shape, target), by_softmax, 0.0)
        d_label_coef = product(upstream, taking_part(label_coef, value))
    if coef is not None:
        value, curve_slope = rule.loss.curve(nll_of_classes(rule, here, offset, stats))
        by_class = product(upstream * coef, curve_slope)
        by_softmax += upstream * of_classes if rule.loss.linear else by_class.sum(axis, keepdims=True)
        by_label += by_class
        value = taking_part(coef, value)
        if factor is not None:
            shares = _class_coef(rule, logits, target, None)
            d_factor = sum_to(factor, product(upstream * shares, value))
        if not rule.by_index:
            d_target = product(times(rule.kept * upstream, factor), value).astype(target.dtype)

    lse, by_lse = lse_of(rule, stats), jnp.zeros((), upstream.dtype)
    if mass is not None:
        by_lse = product(2.0 * z_loss * upstream * mass, lse)
    dz = by_z(rule, here, offset, stats, by_softmax, by_label, by_lse)
    return (
        (dz * slope(here, rule.temperature, rule.softcap)).astype(logits.dtype),
        d_target,
        d_label_coef,
        d_factor,
        None if mass is None else product(z_loss * upstream, lse**2),
        None if offset is None else sum_to(offset, dz),
    )


_row_losses.defvjp(_forward, _backward)


def _describe(rule: Rule, logits: Array, target: Array, offset: Array | None, unknown: Array) -> Stats:
    """Return the statistics for the caller; where the target is unknown there is no log-probability of it."""
    stats = statistics(rule, logits, offset)
    if rule.by_index:
        nll, label = nll_of_label(rule, logits, target, offset, stats), target
    else:
        as_given = replace(rule, loss=CrossEntropy())
        nll = _sum_over_classes(as_given, logits, target, None, offset, stats)
        label = _first_largest(target, rule.axis)
    nlls = nll_of_classes(rule, logits, offset, stats)
    finite = jnp.minimum(nlls, large_number(nlls))
    return Stats(
        lse=jnp.where(jnp.isfinite(stats.top), lse_of(rule, stats), stats.top),
        target_log_prob=jnp.where(unknown, jnp.nan, -nll),
        entropy=(jnp.exp(-nlls) * finite).sum(rule.axis, keepdims=True),
        correct=(_first_largest(heights(rule, logits, offset), rule.axis) == label) & ~unknown,
    )
