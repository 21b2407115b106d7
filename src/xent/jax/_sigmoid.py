"""Sigmoid entries: each a decision of its own between a positive and a negative label, for any loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xent._options import BinaryOptions
from xent.jax import _arguments
from xent.jax._arithmetic import (
    Reducer,
    computed_in,
    equals,
    product,
    sigmoid,
    slope,
    softplus,
    sum_to,
    taking_part,
    tanh,
    times,
)
from xent.losses import Curve, Loss


@dataclass(frozen=True, slots=True)
class _Rule:
    """All of a loss of entries that is no array: what a function is compiled for."""

    loss: Loss
    ignore_index: int
    temperature: float
    softcap: float | None


def sigmoid_loss(loss: Loss, function: str, logits: Array, target: Any, options: BinaryOptions) -> Any:
    """Return the reduced loss of sigmoid entries."""
    options.check(function, loss)
    z = _arguments.floating(function, logits)
    shape, dtype = z.shape, computed_in(z)
    # One number a row: it lacks the axis of the labels, unless there is none.
    sample_weight = _arguments.weights(function, "sample_weight", options.sample_weight, shape[:-1] or shape, dtype)
    if sample_weight is not None and len(shape) > 1:
        sample_weight = sample_weight[..., None]
    mask = _arguments.mask(function, options.mask, shape)
    return _reduced(
        _Rule(loss, options.ignore_index, options.temperature, options.softcap),
        Reducer.of(options),
        z,
        _arguments.sigmoid_target(function, target, shape, options),
        mask,
        _arguments.weights(function, "pos_weight", options.pos_weight, shape, dtype),
        _arguments.weights(function, "weight", options.weight, shape, dtype),
        sample_weight,
        _arguments.normalizer(function, options.normalizer, dtype),
    )


@partial(jax.jit, static_argnums=(0, 1))
def _reduced(
    rule: _Rule,
    reducer: Reducer,
    logits: Array,
    target: Array,
    mask: Array | None,
    pos_weight: Array | None,
    weight: Array | None,
    sample_weight: Array | None,
    normalizer: Array | None,
) -> Array:
    """Return the reduced loss of arguments that are checked."""
    values = _entry_losses(rule, logits, target, mask, pos_weight, weight, sample_weight)
    entries = _live(rule, target, mask).astype(values.dtype)
    weights = times(entries, weight, sample_weight)
    counted = entries if reducer.mean == "torch" else weights
    return reducer(values, counted, weights > 0, target >= 0.5, normalizer)


def _live(rule: _Rule, target: Array, mask: Array | None) -> Array:
    """Return which entries take part."""
    live = ~equals(target, rule.ignore_index)
    return live if mask is None else live & mask


def _decision(rule: _Rule, logits: Array) -> Array:
    """Return what the logits are after soft cap and temperature."""
    x = logits.astype(computed_in(logits))
    return (x if rule.softcap is None else rule.softcap * tanh(x / rule.softcap)) / rule.temperature


def _shares(rule: _Rule, target: Array, dtype: Any) -> tuple[Array, Array]:
    """Return φ₊ t and φ₋ (1-t) of the smoothed target t: sums of terms ≥ 0."""
    eps, hot = rule.loss.label_smoothing, target.astype(dtype)
    one, zero = rule.loss.binary_factors
    uniform = rule.loss.smoothing == "uniform"
    positive = (1.0 - eps) * hot + eps * (0.5 if uniform else 1.0 - hot)
    negative = (1.0 - eps) * (1.0 - hot) + eps * (0.5 if uniform else hot)
    return one * positive, zero * negative


def _curves(rule: _Rule, z: Array) -> tuple[Curve, Curve]:
    """Return value and slope of the positive label and of the negative one."""
    return rule.loss.curve(softplus(-z)), rule.loss.negative_curve(softplus(z))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _entry_losses(
    rule: _Rule,
    logits: Array,
    target: Array,
    mask: Array | None,
    pos_weight: Array | None,
    weight: Array | None,
    sample_weight: Array | None,
) -> Array:
    """Return weight · sample_weight · (pos_weight φ₊ t f₊(nll₊) + φ₋ (1-t) f₋(nll₋)) of each entry.

    t is the smoothed target. The weights broadcast to the logits. An entry that takes no part is 0.
    """
    return _forward(rule, logits, target, mask, pos_weight, weight, sample_weight)[0]


def _forward(
    rule: _Rule,
    logits: Array,
    target: Array,
    mask: Array | None,
    pos_weight: Array | None,
    weight: Array | None,
    sample_weight: Array | None,
) -> tuple[Array, Any]:
    live = _live(rule, target, mask)
    z = _decision(rule, jnp.where(live, logits, 0.0))
    share_one, share_zero = _shares(rule, target, z.dtype)
    one, zero = _curves(rule, z)
    value = product(times(share_one, pos_weight), one.value) + product(share_zero, zero.value)
    value = jnp.where(live, product(times(jnp.ones_like(z), weight, sample_weight), value), 0.0)
    return value, (logits, target, mask, pos_weight, weight, sample_weight)


def _backward(rule: _Rule, saved: Any, upstream: Array) -> Any:
    logits, target, mask, pos_weight, weight, sample_weight = saved
    live = _live(rule, target, mask)
    upstream = jnp.where(live, upstream, 0.0)
    asked = times(upstream, weight, sample_weight)
    # Where nothing is asked the gradient is 0: a logit that is NaN is replaced.
    here = jnp.where(live & ((asked != 0) | ~jnp.isnan(logits)), logits, 0.0)
    z = _decision(rule, here)
    share_one, share_zero = _shares(rule, target, z.dtype)
    one, zero = _curves(rule, z)
    coef_one = times(share_one, pos_weight)
    # Each label's part is small where the label is right: neither is the difference of two.
    dz = asked * (share_zero * zero.slope * sigmoid(z) - coef_one * one.slope * sigmoid(-z))

    of_one, of_zero = taking_part(coef_one, one.value), taking_part(share_zero, zero.value)
    value = coef_one * of_one + share_zero * of_zero
    d_target = None
    if jnp.issubdtype(target.dtype, jnp.floating):
        kept, _ = rule.loss.mixture(2)
        by_one, by_zero = rule.loss.binary_factors
        d_target = product(kept * asked, times(by_one * of_one, pos_weight) - by_zero * of_zero).astype(target.dtype)
    return (
        (dz * slope(here, rule.temperature, rule.softcap)).astype(logits.dtype),
        d_target,
        None,
        None if pos_weight is None else sum_to(pos_weight, product(asked * share_one, of_one)),
        None if weight is None else sum_to(weight, product(times(upstream, sample_weight), value)),
        None if sample_weight is None else sum_to(sample_weight, product(times(upstream, weight), value)),
    )


_entry_losses.defvjp(_forward, _backward)
