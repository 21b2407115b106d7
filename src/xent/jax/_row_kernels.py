"""The losses of softmax rows that go through the compiled kernels, and their derivatives of all orders.

The kernels are an operation that XLA knows nothing about (:mod:`xent.jax._native`). Beside it stands the same in XLA's
own operations, which is what is differentiated, and what other platforms compute.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from xent.jax import _native
from xent.jax._arithmetic import Reducer, product, sum_to, taking_part
from xent.jax._rows import (
    Rule,
    Statistics,
    by_z,
    is_label,
    lse_of,
    nll_of_classes,
    nll_of_label,
    statistics,
    uniform_coef,
)


class _Numbers(NamedTuple):
    """What a loss is made of, one number a row: Σ t_k nll_k of the target as given, Σ c_k nll_k of smoothing, lse.

    None is what nobody asked for.
    """

    nll: Any = None
    of_classes: Any = None
    lse: Any = None


class _Coefs(NamedTuple):
    """What f(nll), f the curve, Σ c_k nll_k and lse² Σ t_k are multiplied with in the sum whose gradient is asked for.

    None is 0. Of a label, Σ t_k is 1.
    """

    label: Any
    classes: Any = None
    square: Any = None


def serve(
    rule: Rule,
    logits: Array,
    target: Array,
    weight: Array | None,
    sample_weight: Array | None,
    offset: Array | None,
    normalizer: Array | None,
) -> bool:
    """Return whether a loss is one for the kernels: sparse, or linear and of probabilities as they are."""
    of_label = rule.sparse and rule.loss.curve_terms is not None
    of_probs = not rule.by_index and rule.loss.linear and rule.kept >= 0 and weight is None
    plain = rule.softcap is None and offset is None
    return plain and (of_label or of_probs) and _native.serves(logits, target, weight, sample_weight, normalizer)


# ---- a pass over the logits


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _pass(
    rule: Rule, with_numbers: bool, logits: Array, target: Array, factor: Array | None, coefs: _Coefs | None
) -> tuple[_Numbers, Array | None]:
    """Return the numbers, those that the rule needs, and the gradient by the logits, where it has coefficients."""
    plain = partial(_plain_pass, rule, with_numbers)
    on_cpu = partial(_native_pass, rule, with_numbers)
    result: tuple[_Numbers, Array | None] = lax.platform_dependent(
        logits, target, factor, coefs, cpu=on_cpu, default=plain
    )
    return result


@_pass.defjvp
def _pass_jvp(rule: Rule, with_numbers: bool, primals: Any, tangents: Any) -> Any:
    changes = jax.jvp(partial(_plain_pass, rule, with_numbers), primals, tangents)[1]
    return _pass(rule, with_numbers, *primals), changes


def _native_pass(
    rule: Rule, with_numbers: bool, logits: Array, target: Array, factor: Array | None, coefs: _Coefs | None
) -> tuple[_Numbers, Array | None]:
    numbers = (with_numbers, with_numbers and rule.smoothed, with_numbers and rule.loss.z_loss > 0)
    uniform = rule.uniform if factor is None or not rule.smoothed else rule.uniform * factor
    *found, dlogits = _native.rows(
        logits,
        target,
        rule.axis,
        1.0 / rule.temperature,
        None if rule.loss.linear else rule.loss.curve_terms,
        uniform,
        coefs or (None, None, None),
        wanted=(*numbers, coefs is not None),
    )
    return _Numbers(*found), dlogits


def _plain_pass(
    rule: Rule, with_numbers: bool, logits: Array, target: Array, factor: Array | None, coefs: _Coefs | None
) -> tuple[_Numbers, Array | None]:
    """Return the same in XLA's operations."""
    stats, numbers = statistics(rule, logits, None), _Numbers()
    if with_numbers:
        nll = nll_of_classes(rule, logits, None, stats)
        numbers = _Numbers(
            nll_of_label(rule, logits, target, None, stats)
            if rule.by_index
            else product(target.astype(nll.dtype), nll).sum(rule.axis, keepdims=True),
            product(uniform_coef(rule, logits, factor), nll).sum(rule.axis, keepdims=True) if rule.smoothed else None,
            lse_of(rule, stats) if rule.loss.z_loss else None,
        )
    return numbers, None if coefs is None else _plain_gradient(rule, logits, target, factor, stats, coefs)


def _plain_gradient(
    rule: Rule, logits: Array, target: Array, factor: Array | None, stats: Statistics, coefs: _Coefs
) -> Array:
    axis, zero = rule.axis, jnp.zeros_like(stats.rest)
    by_label, by_classes, by_square = (zero if each is None else each for each in coefs)
    if not rule.by_index:
        target = target.astype(stats.rest.dtype)
        mass = target.sum(axis, keepdims=True)
        by_label, by_square = jnp.where(mass == 0, 0.0, by_label), by_square * mass
    # A row of which nothing is asked has a gradient of 0: its logits, NaN perhaps, are replaced.
    dead = (by_label == 0) & (by_classes == 0) & (by_square == 0) & ~jnp.isfinite(stats.rest)
    stats, here = Statistics(*(jnp.where(dead, 0.0, each) for each in stats)), jnp.where(dead, 0.0, logits)
    if rule.by_index:
        by_nll = product(by_label, rule.loss.curve(nll_of_label(rule, here, target, None, stats)).slope)
        by_class = jnp.where(is_label(rule, logits.shape, target), by_nll, 0.0)
    else:
        by_nll, by_class = by_label * mass, by_label * target
    if rule.smoothed:
        coef = uniform_coef(rule, logits, factor)
        by_class += by_classes * coef
        by_nll += by_classes * coef.sum(axis, keepdims=True)
    by_lse = product(2.0 * by_square, lse_of(rule, stats))
    dz = by_z(rule, here, None, stats, by_nll, by_class, by_lse)
    return (dz / rule.temperature).astype(logits.dtype)


# ---- what a loss and its derivatives make of the numbers


def _value(rule: Rule, label_coef: Array, mass: Array | None, numbers: _Numbers) -> Array:
    value = product(label_coef, rule.loss.curve(numbers.nll).value)
    if numbers.of_classes is not None:
        value += numbers.of_classes
    if mass is not None:
        value += product(rule.loss.z_loss * mass, numbers.lse**2)
    return value


def _coefs(
    rule: Rule, logits: Array, label_coef: Array, factor: Array | None, mass: Array | None, by_row: Array
) -> _Coefs:
    """Return what makes the gradient of ``by_row`` times the value; the mass of probabilities is the kernels' work."""
    classes = square = None
    if rule.smoothed:  # 0 if no class has any, for then it has no part in any row
        classes = jnp.where((uniform_coef(rule, logits, factor) == 0).all(), 0.0, by_row)
    if mass is not None:
        square = rule.loss.z_loss * by_row * (mass if rule.by_index else 1.0)
    return _Coefs(by_row * label_coef, classes, square)


def _by_numbers(
    rule: Rule, label_coef: Array, mass: Array | None, numbers: _Numbers, by_row: Array
) -> tuple[Array, Array | None]:
    """Return the derivatives of ``by_row`` times the value by ``label_coef`` and ``mass``."""
    by_label_coef = product(by_row, taking_part(label_coef, rule.loss.curve(numbers.nll).value))
    return by_label_coef, None if mass is None else product(rule.loss.z_loss * by_row, numbers.lse**2)


def _by_target(rule: Rule, logits: Array, target: Array, label_coef: Array, by_row: Array) -> Array | None:
    """Return the same by the target's probabilities: a pass of its own, where somebody asks for it."""
    if rule.by_index:
        return None
    by_nll = by_row * label_coef
    return product(by_nll, taking_part(target, _nll_of_live(rule, logits, by_nll))).astype(target.dtype)


def _by_factor(rule: Rule, logits: Array, factor: Array | None, by_row: Array) -> Array | None:
    """Return the same by the factors of the classes' part."""
    if factor is None or not rule.smoothed:
        return None
    nll = taking_part(uniform_coef(rule, logits, factor), _nll_of_live(rule, logits, by_row))
    return sum_to(factor, product(by_row * uniform_coef(rule, logits, None), nll))


def _nll_of_live(rule: Rule, logits: Array, by_row: Array) -> Array:
    """Return the nll of every class, but a number in rows of which nothing is asked that have none."""
    dead = (by_row == 0) & ~jnp.isfinite(statistics(rule, logits, None).rest)
    here = jnp.where(dead, 0.0, logits)
    return nll_of_classes(rule, here, None, statistics(rule, here, None))


# ---- one loss a row: a pass for the values, one for the gradient


def forward(
    rule: Rule, logits: Array, target: Array, label_coef: Any, factor: Array | None, mass: Array | None
) -> tuple[Array, Any]:
    """Return the losses of the rows, and what :func:`backward` needs."""
    numbers = _pass(rule, True, logits, target, factor, None)[0]
    if rule.by_index:
        numbers = _Numbers(*(None if each is None else jnp.where(target < 0, 0.0, each) for each in numbers))
    return _value(rule, label_coef, mass, numbers), (logits, target, label_coef, factor, mass, numbers)


def backward(rule: Rule, saved: Any, upstream: Array) -> Any:
    """Return the derivatives by logits, target, label_coef, factor, mass, and None for the offset that is not there."""
    logits, target, label_coef, factor, mass, numbers = saved
    if rule.by_index:
        upstream = jnp.where(target < 0, 0.0, upstream)
    by_label_coef, by_mass = _by_numbers(rule, label_coef, mass, numbers, upstream)
    return (
        _pass(rule, False, logits, target, factor, _coefs(rule, logits, label_coef, factor, mass, upstream))[1],
        _by_target(rule, logits, target, label_coef, upstream),
        by_label_coef,
        _by_factor(rule, logits, factor, upstream),
        by_mass,
        None,
    )


# ---- losses whose weights are known beforehand: values and gradient in one pass


def in_one_pass(rule: Rule, reducer: Reducer, logits: Array) -> bool:
    """Say whether the losses are best multiplied with what the reduction makes of them before they are summed.

    The gradient waits for what it is multiplied with; in float16 without that it may be too small for its type.
    """
    return rule.native and reducer.mining is None and reducer.reduction != "none" and logits.dtype != jnp.float16


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def weighted_losses(
    rule: Rule,
    logits: Array,
    target: Array,
    label_coef: Array,
    factor: Array | None,
    mass: Array | None,
    row_coef: Array,
) -> Array:
    """Return row_coef times the losses of the rows."""
    return product(row_coef, _value(rule, label_coef, mass, _pass(rule, True, logits, target, factor, None)[0]))


def _weighted_forward(
    rule: Rule, logits: Any, target: Any, label_coef: Any, factor: Any, mass: Any, row_coef: Any
) -> tuple[Array, Any]:
    more = (factor is not None and rule.smoothed and factor.perturbed) or (not rule.by_index and target.perturbed)
    logits, target, label_coef, row_coef = (each.value for each in (logits, target, label_coef, row_coef))
    factor, mass = (None if each is None else each.value for each in (factor, mass))
    coefs = _coefs(rule, logits, label_coef, factor, mass, row_coef)
    numbers, dlogits = _pass(rule, True, logits, target, factor, coefs)
    value = _value(rule, label_coef, mass, numbers)
    saved = (dlogits, numbers, value, label_coef, mass, row_coef, (logits, target, factor) if more else None)
    return product(row_coef, value), saved


def _weighted_backward(rule: Rule, saved: Any, upstream: Array) -> tuple[Array | None, ...]:
    dlogits, numbers, value, label_coef, mass, row_coef, arrays = saved
    by_row = upstream * row_coef
    by_label_coef, by_mass = _by_numbers(rule, label_coef, mass, numbers, by_row)
    by_target = by_factor = None
    if arrays is not None:
        logits, target, factor = arrays
        by_target = _by_target(rule, logits, target, label_coef, by_row)
        by_factor = _by_factor(rule, logits, factor, by_row)
    return (
        (upstream * dlogits.astype(upstream.dtype)).astype(dlogits.dtype),
        by_target,
        by_label_coef,
        by_factor,
        by_mass,
        product(upstream, taking_part(row_coef, value)),
    )


weighted_losses.defvjp(_weighted_forward, _weighted_backward, symbolic_zeros=True)
