"""The losses once more, as they are printed: probabilities, their logarithms, sums, with no thought for stability.

In complex numbers of extended precision, so that a derivative is the imaginary part of f(z + ih)/h: nothing is
subtracted, and it is as right as the value.
"""

import math

import numpy as np

import xent

H = 1e-30


def curve(loss, p):
    """Return the loss of a label of probability p (of the positive label, where there are two)."""
    match loss:
        case xent.CrossEntropy():
            return -np.log(p)
        case xent.Focal():
            return -((1 - p) ** loss.gamma) * np.log(p)
        case xent.Poly1():
            return -np.log(p) + loss.epsilon * (1 - p)
        case xent.GeneralizedCrossEntropy():
            return (1 - p**loss.q) / loss.q
        case xent.SymmetricCrossEntropy():
            return -loss.alpha * np.log(p) - loss.beta * loss.log_zero * (1 - p)
        case xent.Asymmetric():
            return -((1 - p) ** loss.gamma_pos) * np.log(p)
    raise AssertionError(loss)


def negative_curve(loss, p):
    """Return the loss of the negative label, p still being the probability of the positive one."""
    if isinstance(loss, xent.Asymmetric):
        shifted = np.where(p.real > loss.margin, p - loss.margin, 0)
        return -(shifted**loss.gamma_neg) * np.log(1 - shifted)
    return curve(loss, 1 - p)


def transformed(z, softcap, temperature):
    return (z if softcap is None else softcap * np.tanh(z / softcap)) / temperature


def kept(mining, values, positive, live):
    """Return which entries mining keeps, one after the other by sorting."""
    order = sorted(range(len(values)), key=lambda i: -values[i])
    if isinstance(mining, xent.Hardest):
        return set([i for i in order if live[i]][: math.ceil(mining.fraction * sum(live))])
    hits = [i for i in order if live[i] and positive[i]]
    others = [i for i in order if live[i] and not positive[i]]
    return {*hits, *others[: max(math.ceil(mining.ratio * len(hits)), mining.at_least)]}


def reduced(values, weight, denominator, reduction, normalizer, empty):
    total = values * weight
    if reduction == "none":
        return total
    if reduction == "sum":
        return total.sum()
    if normalizer is not None:
        return total.sum() / normalizer
    if denominator.sum() == 0:
        return np.clongdouble(math.nan if empty == "nan" else 0.0)
    return total.sum() / denominator.sum()


def softmax_loss(
    loss,
    logits,
    target,
    *,
    weight=None,
    sample_weight=None,
    ignore_index=-100,
    temperature=1.0,
    softcap=None,
    prior=None,
    prior_strength=1.0,
    mining=None,
    reduction="mean",
    mean="weighted",
    normalizer=None,
    empty="nan",
):
    """Return the loss of logits (n, K), which may be complex."""
    n, n_classes = logits.shape
    w = np.ones(n_classes) if weight is None else np.asarray(weight)
    s = np.ones(n) if sample_weight is None else np.asarray(sample_weight, float)
    index = target.ndim == 1
    live = target != ignore_index if index else np.ones(n, bool)
    q = np.eye(n_classes)[np.where(live, target, 0)] if index else target
    others = (1 - q) / (n_classes - 1) if loss.smoothing == "others" else np.full(q.shape, 1 / n_classes)
    t = (1 - loss.label_smoothing) * q + loss.label_smoothing * others
    alpha = np.ones(n_classes) if loss.class_factor is None else np.array(loss.class_factor)

    z = transformed(np.where(live[:, None], logits, 0), softcap, temperature)
    if prior is not None:
        z = z + prior_strength * np.log(np.asarray(prior, np.longdouble) / np.sum(prior))
    total = np.exp(z).sum(axis=1)
    p = np.exp(z) / total[:, None]
    mass = (q * w).sum(axis=1)
    values = (t * w * alpha * curve(loss, p)).sum(axis=1) + loss.z_loss * mass * np.log(total) ** 2

    s = np.where(live, s, 0)
    if mining is not None:
        label = target if index else q.argmax(axis=1)
        positive = label != getattr(mining, "background", 0)
        chosen = kept(mining, (s * values).real, positive, s > 0)
        s = np.where([i in chosen for i in range(n)], s, 0)
    each = s * (mass if mean == "weighted" or index else 1.0)
    return reduced(values, s, each, reduction, normalizer, empty)


def sigmoid_loss(
    loss,
    logits,
    target,
    *,
    weight=None,
    pos_weight=None,
    sample_weight=None,
    ignore_index=-100,
    mask=None,
    temperature=1.0,
    softcap=None,
    mining=None,
    reduction="mean",
    mean="weighted",
    normalizer=None,
    empty="nan",
):
    """Return the loss of logits (n, labels), which may be complex."""
    live = (target != ignore_index) & (True if mask is None else np.asarray(mask))
    s = live * (1.0 if weight is None else np.asarray(weight))
    s = s * (1.0 if sample_weight is None else np.asarray(sample_weight)[:, None])
    label = np.where(live, target, 0)
    t = (1 - loss.label_smoothing) * label
    t = t + loss.label_smoothing * (1 - label if loss.smoothing == "others" else 0.5)
    p = 1 / (1 + np.exp(-transformed(np.where(live, logits, 0), softcap, temperature)))
    by_one, by_zero = loss.binary_factors
    v = 1.0 if pos_weight is None else np.asarray(pos_weight)
    values = v * by_one * t * curve(loss, p) + by_zero * (1 - t) * negative_curve(loss, p)
    if mining is not None:
        flat = (s * values).real.ravel()
        chosen = kept(mining, flat, (label >= 0.5).ravel(), (s > 0).ravel())
        live = np.array([i in chosen for i in range(flat.size)]).reshape(live.shape)
        s = np.where(live, s, 0)
    return reduced(values, s, live if mean == "torch" else s, reduction, normalizer, empty)


def value_and_grad(function, loss, logits, target, **options):
    """Return the loss and, by steps along the imaginary axis, its gradient (of the sum, where it is one a row)."""
    z = np.asarray(logits).astype(np.clongdouble)
    value = function(loss, z, target, **options).real
    grad = np.empty(z.shape)
    for index in np.ndindex(z.shape):
        step = z.copy()
        step[index] += 1j * H
        grad[index] = np.sum(function(loss, step, target, **options)).imag / H
    return value.astype(float), grad
