"""float32 and narrower, held against numbers computed in wider types: 50 digits, or float64 where that is enough."""

import math
from typing import Any

import mpmath
import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import xent  # noqa: E402

inf, nan = np.inf, np.nan
mp = mpmath.mp.clone()
mp.dps = 50


def in_ulps(actual: Any, expected: Any) -> float:
    """The largest distance in units of the last place of float32."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    return float((abs(actual - expected) / np.spacing(abs(expected).astype(np.float32)).astype(np.float64)).max())


def lse64(z: Any) -> float:
    """log Σ exp z in float64, its sum exact."""
    top = z.max()
    return float(top + math.log(math.fsum(np.exp(z - top))))


@pytest.mark.parametrize("n_classes", [1, 2, 10, 1000, 1025, 50_000, 1_000_000])
def test_lse_and_nll_within_4_ulp(n_classes):
    logits = np.random.default_rng(n_classes).normal(scale=2.0, size=(6, n_classes)).astype(np.float32)
    logits[1] = 0.1
    logits[2, 0] += 30.0
    target = np.array([0, 0, n_classes - 1, n_classes // 2, 0, 0])
    wide = logits.astype(np.float64)
    lse = np.array([lse64(row) for row in wide])
    nll = lse - wide[np.arange(6), target]
    losses, stats = xent.cross_entropy(jnp.asarray(logits), target, reduction="none", return_stats=True)
    assert losses.dtype == stats.lse.dtype == jnp.float32
    assert in_ulps(stats.lse, lse) <= 4
    if n_classes > 1:
        assert in_ulps(losses, nll) <= 4
        assert in_ulps(-stats.target_log_prob, nll) <= 4
    probs = np.exp(wide - lse[:, None])
    log_probs = wide - lse[:, None]
    np.testing.assert_allclose(stats.entropy, -(probs * log_probs).sum(axis=1), rtol=1e-5, atol=1e-7)
    grad = np.asarray(jax.grad(lambda z: xent.cross_entropy(z, target, reduction="sum"))(jnp.asarray(logits)), float)
    assert abs(grad.sum(axis=1)).max() < 1e-6
    probs[np.arange(6), target] -= 1.0
    np.testing.assert_allclose(grad, probs, rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize("gap", [5.0, 20.0, 60.0, 80.0])
def test_a_confident_row_keeps_its_digits(gap):
    """1 - p is e^-gap, and rounds to 0 from 17 on: nll and gradient have all their digits nevertheless."""
    for z in ([gap, 0.0, -1.0], [gap + 100.0, 100.0, 99.0]):
        exps = [mp.exp(mp.mpf(v) - mp.mpf(z[0])) for v in z]
        others = float((exps[1] + exps[2]) / sum(exps))
        value, grad = jax.value_and_grad(xent.cross_entropy)(jnp.array(z), 0)
        np.testing.assert_allclose(value, float(mp.log(sum(exps))), rtol=1e-6)
        np.testing.assert_allclose(grad[0], -others, rtol=1e-6)
        one_hot = jax.grad(xent.cross_entropy)(jnp.array(z), np.array([1.0, 0.0, 0.0]))
        np.testing.assert_allclose(one_hot, grad, rtol=1e-6)
        for loss, slope in ((xent.Focal(0.5), 1.5), (xent.Focal(1.0), 2.0)):  # for nll → 0: f' = (1 + γ) nll^γ
            expected = -slope * others * others**loss.gamma
            got = jax.grad(loss)(jnp.array(z), 0)[0]
            np.testing.assert_allclose(got, expected, rtol=0.02 if gap < 20 else 2e-6, atol=1e-37)


@pytest.mark.parametrize("gap", [5.0, 20.0, 60.0, 80.0])
def test_a_confident_entry_keeps_its_digits(gap):
    for z, t in ((gap, 1), (-gap, 0)):
        value, grad = jax.value_and_grad(xent.binary_cross_entropy)(jnp.array(z), t)
        np.testing.assert_allclose(value, float(mp.log1p(mp.exp(-gap))), rtol=1e-6)
        np.testing.assert_allclose(grad, float((1 - 2 * t) / (1 + mp.exp(gap))), rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.25, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("z", [-inf, -1e5, -100.0, 0.0, 3.0, 30.0, 100.0, 1e5, inf])
def test_focal_is_finite_at_saturation(gamma, z):
    loss = xent.Focal(gamma)
    value, grad = jax.value_and_grad(loss.binary)(jnp.array(z), 1.0)
    if math.isfinite(z):
        p = 1 / (1 + mp.exp(-z))
        nll, s = mp.log1p(mp.exp(-z)), 1 / (1 + mp.exp(z))
        expected = s**gamma * nll, -(s**gamma) * (s + gamma * p * nll)
    else:
        expected = (0.0, 0.0) if z > 0 else (inf, -1.0)
    np.testing.assert_allclose([value, grad], [float(each) for each in expected], rtol=5e-6, atol=1e-37)


def test_a_confident_bfloat16_prediction_has_a_gradient():
    """p of the target is 1 - 2.1e-6: in bfloat16 p - 1 is 0."""
    z = jnp.array([[13.75, 0.0, 0.0]], jnp.bfloat16)
    grad = jax.grad(xent.cross_entropy)(z, np.array([0]))
    assert grad.dtype == jnp.bfloat16
    other = float(mp.exp(-13.75) / (1 + 2 * mp.exp(-13.75)))
    np.testing.assert_allclose(grad.astype(float), [[-2 * other, other, other]], rtol=2**-8)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float8_e4m3fn])
def test_narrow_logits_are_computed_in_float32(dtype):
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(70_000, 3)), dtype)
    target = rng.integers(3, size=70_000)
    wide = np.asarray(logits.astype(jnp.float32), np.float64)
    expected, dlogits = xent.value_and_grad(xent.cross_entropy)(wide, target, reduction="sum")
    value = xent.cross_entropy(logits, target)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, expected / 70_000, rtol=3e-7)
    grad = jax.grad(lambda z: xent.cross_entropy(z, target, reduction="sum"))(logits)
    assert grad.dtype == dtype
    step = float(jnp.finfo(dtype).eps) / 2
    np.testing.assert_allclose(
        grad.astype(jnp.float32), dlogits, rtol=1.01 * step, atol=float(jnp.finfo(dtype).smallest_subnormal)
    )


def test_float16_smoothing_over_50_000_classes():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 50_000)).astype(np.float16)
    expected = xent.cross_entropy(logits.astype(float), [3, 7], label_smoothing=0.1)
    np.testing.assert_allclose(
        xent.cross_entropy(jnp.asarray(logits), [3, 7], label_smoothing=0.1), expected, rtol=4e-7
    )


@pytest.mark.parametrize("n", [70_000, 1_000_003])
def test_a_mean_over_many_rows(n):
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(n, 2)).astype(np.float32)
    weight = rng.uniform(size=n).astype(np.float32)
    target = rng.integers(2, size=n)
    expected = xent.cross_entropy(logits.astype(float), target, sample_weight=weight)
    np.testing.assert_allclose(
        xent.cross_entropy(jnp.asarray(logits), target, sample_weight=weight), expected, rtol=3e-7
    )


def test_all_losses_in_float32():
    rng = np.random.default_rng(3)
    logits = rng.normal(scale=4.0, size=(50, 7)).astype(np.float32)
    target, probs = rng.integers(7, size=50), rng.dirichlet(np.ones(7), size=50).astype(np.float32)
    options = {"softcap": 8.0, "temperature": 0.7, "prior": np.arange(1.0, 8.0), "reduction": "none"}
    for loss in (
        xent.Focal(1.7, label_smoothing=0.1),
        xent.Poly1(2.0),
        xent.GeneralizedCrossEntropy(0.7, z_loss=0.01),
        xent.SymmetricCrossEntropy(),
    ):
        for t in (target, probs):
            expected, dlogits = xent.value_and_grad(loss)(logits.astype(float), t, **options)
            value, pull = jax.vjp(lambda z, loss=loss, t=t: loss(z, t, **options), jnp.asarray(logits))
            # XLA's tanh errs by up to 5 ulp: of logits up to 8, divided by 0.7.
            np.testing.assert_allclose(value, expected, rtol=2e-6, atol=1e-5)
            np.testing.assert_allclose(pull(jnp.ones(50))[0], dlogits, rtol=1e-4, atol=1e-6)


def test_float64_is_kept_and_float32_is_not_widened():
    with jax.enable_x64(True):
        z = np.array([[20.0, 0.0, -1.0]])
        rest = mp.exp(-20) + mp.exp(-21)
        value, grad = jax.value_and_grad(xent.cross_entropy)(jnp.asarray(z), [0])
        assert value.dtype == grad.dtype == jnp.float64
        np.testing.assert_allclose(value, float(mp.log1p(rest)), rtol=1e-15)
        value, grad = jax.value_and_grad(xent.cross_entropy)(jnp.asarray(z, jnp.float32), [0], sample_weight=[2.0])
        assert value.dtype == grad.dtype == jnp.float32


def test_integers_are_numbers():
    np.testing.assert_allclose(xent.cross_entropy(jnp.array([[0, 0, 0]]), [1]), math.log(3), rtol=1e-6)
    np.testing.assert_allclose(xent.binary_cross_entropy(jnp.array([0, 0]), [0, 1]), math.log(2), rtol=1e-6)
