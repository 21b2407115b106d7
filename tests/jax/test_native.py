"""The losses through the compiled kernels, beside the same losses in XLA's own operations: both ways are right."""

import dataclasses
import math
import os
import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

import jax.numpy as jnp  # noqa: E402

import xent  # noqa: E402
from xent.jax import _native  # noqa: E402

pytestmark = pytest.mark.skipif(_native.compiled is None, reason="the compiled kernels are not here")

inf, nan = np.inf, np.nan
mp = mpmath.mp.clone()
mp.dps = 40
rng = np.random.default_rng(5)


@pytest.fixture(params=["native", "xla"])
def way(request, monkeypatch):
    if request.param == "xla":
        monkeypatch.setattr(_native, "serves", lambda *arrays: False)
    return request.param


@pytest.fixture(params=[jnp.float32, jnp.bfloat16, jnp.float16, jnp.float64], ids=lambda dtype: dtype.__name__)
def dtype(request):
    with jax.enable_x64(request.param is jnp.float64):
        yield request.param


def program(function: Any, *arguments: Any) -> str:
    return jax.jit(function).lower(*arguments).as_text()


def in_mpmath(logits: Any, target: Any, temperature: float = 1.0) -> tuple[Any, Any]:
    """Cross-entropy of each row and its gradient, correct in all digits of float64; NaN rows for ignored ones."""
    values, grads = [], []
    for row, label in zip(np.asarray(logits, np.float64), target, strict=True):
        exps = [mp.exp(mp.mpf(v) / temperature) for v in row]
        total = mp.fsum(exps)
        values.append(float(mp.log(total) - mp.mpf(row[label]) / temperature))
        others = mp.fsum(e for k, e in enumerate(exps) if k != label)
        grads.append([float((-others if k == label else e) / total / temperature) for k, e in enumerate(exps)])
    return np.array(values), np.array(grads)


def wide(array: Any) -> Any:
    return np.asarray(array.astype(jnp.promote_types(array.dtype, jnp.float32)), np.float64)


def tolerance(dtype: Any) -> dict[str, float]:
    """Half a step of the type, once for the value and once for what it is multiplied with, and a float32's error."""
    return {"rtol": 1e-13 if dtype == jnp.float64 else 2e-6 + 1.01 * float(jnp.finfo(dtype).eps), "atol": 1e-7}


# ---- which way


def test_what_goes_through_the_kernels():
    z, y = jnp.ones((4, 3)), jnp.zeros(4, int)
    for loss in (xent.cross_entropy, xent.Focal(2.0), xent.CrossEntropy(label_smoothing=0.1, z_loss=0.1)):
        assert "xent_rows" in program(jax.grad(loss), z, y)
        assert "xent_rows" in program(lambda z, y, loss=loss: loss(z, y, weight=[1.0, 2.0, 3.0], temperature=2.0), z, y)
    q = jnp.full((4, 3), 1 / 3)
    assert "xent_rows" in program(jax.grad(xent.CrossEntropy(label_smoothing=0.1)), z, q)
    assert "xent_rows" not in program(jax.grad(xent.Focal(2.0)), z, q)
    assert "xent_rows" not in program(lambda z: xent.cross_entropy(z, q, weight=[1.0, 2.0, 3.0]), z)
    for options in ({"softcap": 3.0}, {"prior": [1.0, 1.0, 2.0]}):
        assert "xent_rows" not in program(lambda z, y, options=options: xent.cross_entropy(z, y, **options), z, y)
    assert "xent_rows" not in program(jax.grad(xent.cross_entropy), z.astype(jnp.float8_e4m3fn), y)


def test_a_program_for_another_platform_has_no_kernels_in_it():
    from jax import export

    z, y = jnp.ones((4, 3)), jnp.zeros(4, int)
    for function in (xent.cross_entropy, jax.grad(xent.cross_entropy), jax.hessian(xent.Focal(1.0))):
        assert "xent_rows" not in export.export(jax.jit(function), platforms=["cuda"])(z, y).mlir_module()


def test_kernels_that_are_not_wanted_are_left_alone():
    script = """
import jax, jax.numpy as jnp, xent
z, y = jnp.ones((4, 3)), jnp.zeros(4, int)
print("xent_rows" in jax.jit(xent.cross_entropy).lower(z, y).as_text(), xent.cross_entropy(z, y))
"""
    environment = {**os.environ, "XENT_KERNELS": "numpy", "JAX_PLATFORMS": "cpu"}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    native, value = result.stdout.split()
    assert native == "False"
    assert float(value) == pytest.approx(math.log(3), rel=1e-6)


# ---- values and gradients


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("n_classes", [1, 3, 70])
def test_cross_entropy(way, dtype, n_classes, reduction):
    logits = jnp.asarray(rng.normal(scale=3.0, size=(9, n_classes)), dtype)
    target = rng.integers(n_classes, size=9)
    values, grads = in_mpmath(wide(logits), target, temperature=1.5)
    upstream = rng.uniform(0.5, 2.0, size=9 if reduction == "none" else ())
    expected = {"none": values, "sum": values.sum(), "mean": values.mean()}[reduction]

    def loss(z: Any) -> Any:
        return xent.cross_entropy(z, target, temperature=1.5, reduction=reduction)

    value, pull = jax.vjp(jax.jit(loss), logits)
    (grad,) = pull(jnp.asarray(upstream, value.dtype))
    assert grad.dtype == dtype
    np.testing.assert_allclose(value, expected, **{**tolerance(value.dtype), "atol": 3e-7})
    by_row = np.broadcast_to(upstream * (1 / 9 if reduction == "mean" else 1.0), 9)[:, None]
    np.testing.assert_allclose(wide(grad), by_row * grads, **tolerance(dtype))


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_classes_may_lie_along_any_axis(way, dtype, axis):
    shape = [2, 3, 4, 5]
    logits = jnp.asarray(rng.normal(size=shape), dtype)
    target = rng.integers(-1, shape.pop(axis), size=shape)

    def loss(z: Any) -> Any:
        return xent.cross_entropy(z, target, axis=axis, ignore_index=-1)

    value, grad = jax.value_and_grad(loss)(logits)
    rows, labels = np.moveaxis(wide(logits), axis, -1), target.reshape(-1)
    values, grads = in_mpmath(rows.reshape(labels.size, -1), np.maximum(labels, 0))
    live = labels >= 0
    np.testing.assert_allclose(value, values[live].mean(), **tolerance(value.dtype))
    expected = np.moveaxis((grads * live[:, None] / live.sum()).reshape(rows.shape), -1, axis)
    np.testing.assert_allclose(wide(grad), expected, **tolerance(dtype))


@pytest.mark.parametrize("shape", [(3000, 17), (40, 2500), (2, 21, 50, 40)])
def test_many_threads_and_chunks_of_rows(way, shape):
    """Enough rows for several threads, and of more than one chunk each; held against optax."""
    logits = jnp.asarray(rng.normal(scale=3.0, size=shape), jnp.float32)
    target = rng.integers(shape[1], size=(shape[0], *shape[2:]))

    def theirs(z: Any) -> Any:
        return optax.losses.softmax_cross_entropy_with_integer_labels(z, target, axis=1).mean()

    value, grad = jax.jit(jax.value_and_grad(lambda z: xent.cross_entropy(z, target, axis=1)))(logits)
    expected, expected_grad = jax.value_and_grad(theirs)(logits)
    np.testing.assert_allclose(value, expected, rtol=2e-6)
    np.testing.assert_allclose(grad, expected_grad, rtol=1e-4, atol=1e-10)


def test_a_row_is_the_same_bits_in_any_batch():
    logits = jnp.asarray(rng.normal(scale=3.0, size=(5000, 30)), jnp.float32)
    target = jnp.asarray(rng.integers(30, size=5000))
    of = jax.grad(lambda z, y: xent.Focal(2.0)(z, y, reduction="sum"))
    whole = np.asarray(of(logits, target))
    parts = [of(logits[i : i + 777], target[i : i + 777]) for i in range(0, 5000, 777)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("gap", [5.0, 20.0, 60.0])
def test_a_confident_row_keeps_its_digits(way, gap):
    logits = jnp.array([[gap, 0.0, -1.0]])
    values, grads = in_mpmath(logits, [0])
    for reduction in ("mean", "none"):
        value, pull = jax.vjp(lambda z, reduction=reduction: xent.cross_entropy(z, [0], reduction=reduction), logits)
        np.testing.assert_allclose(np.ravel(value), values, rtol=1e-6)
        np.testing.assert_allclose(pull(jnp.ones_like(value))[0], grads, rtol=1e-6)


# ---- what each option adds, against its definition in float64


def smoothed(z: Any, y: Any, w: Any, s: Any, eps: float) -> Any:
    """The weighted mean of Σ_k t_k w_k nll_k over the rows, row weights included."""
    nll = -jax.nn.log_softmax(z)
    t = (1 - eps) * jax.nn.one_hot(y, z.shape[1]) + eps / z.shape[1]
    return (s * (t * w * nll).sum(1)).sum() / (s * w[y]).sum()


@pytest.mark.parametrize("eps", [0.0, 0.2, 1.0])
def test_gradients_by_everything(way, eps):
    """By logits, class weights and row weights, where some of both are 0; and their mixed second derivatives."""
    with jax.enable_x64(True):
        z, y = jnp.asarray(rng.normal(size=(6, 4))), jnp.asarray(rng.integers(4, size=6))
        w, s = jnp.array([0.5, 0.0, 2.0, 1.0]), jnp.asarray(rng.uniform(size=6)).at[2].set(0.0)
        direction = [jnp.asarray(rng.normal(size=each.shape)) for each in (z, w, s)]

        def ours(z: Any, w: Any, s: Any) -> Any:
            return xent.cross_entropy(z, y, weight=w, sample_weight=s, label_smoothing=eps)

        def plain(z: Any, w: Any, s: Any) -> Any:
            return smoothed(z, y, w, s, eps)

        every = (0, 1, 2)
        for actual, expected in (
            (ours(z, w, s), plain(z, w, s)),
            (jax.grad(ours, every)(z, w, s), jax.grad(plain, every)(z, w, s)),
            *(
                (
                    jax.jvp(jax.grad(ours, every), (z, w, s), tuple(direction))[1],
                    jax.jvp(jax.grad(plain, every), (z, w, s), tuple(direction))[1],
                ),
                (jax.hessian(ours)(z, w, s), jax.hessian(plain)(z, w, s)),
                (jax.jacrev(jax.grad(ours, 1))(z, w, s), jax.jacrev(jax.grad(plain, 1))(z, w, s)),
            ),
        ):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13), actual, expected)


CURVES = {  # of p, as their papers write them
    xent.Focal(2.0): lambda p: -((1 - p) ** 2) * jnp.log(p),
    xent.Focal(0.5): lambda p: -jnp.sqrt(1 - p) * jnp.log(p),
    xent.Focal(0.0): lambda p: -jnp.log(p),
    xent.Poly1(1.5): lambda p: -jnp.log(p) + 1.5 * (1 - p),
    xent.GeneralizedCrossEntropy(0.7): lambda p: (1 - p**0.7) / 0.7,
    xent.SymmetricCrossEntropy(0.3, 2.0): lambda p: -0.3 * jnp.log(p) + 8.0 * (1 - p),
}


@pytest.mark.parametrize("loss", CURVES, ids=xent.losses.describe)
def test_derivatives_of_curves(way, loss):
    """By logits, class weights and row weights, first and second ones; a row is ignored, another has no weight."""
    curve, loss = CURVES[loss], dataclasses.replace(loss, z_loss=0.3)
    with jax.enable_x64(True):
        z, y = jnp.asarray(rng.normal(size=(6, 4))).at[3].set(nan), jnp.array([0, 3, 2, -1, 1, 1])
        w, s = jnp.array([0.5, 0.7, 2.0, 1.0]), jnp.asarray(rng.uniform(size=6)).at[2].set(0.0)

        def ours(z: Any, w: Any, s: Any) -> Any:
            return loss(z, y, weight=w, sample_weight=s, temperature=2.0, ignore_index=-1)

        def plain(z: Any, w: Any, s: Any) -> Any:
            live = jnp.array([0, 1, 2, 4, 5])
            z, y_, s = z[live] / 2, y[live], s[live]
            values = curve(jax.nn.softmax(z)[jnp.arange(5), y_]) + 0.3 * jax.nn.logsumexp(z, axis=1) ** 2
            return (s * w[y_] * values).sum() / (s * w[y_]).sum()

        every = (0, 1, 2)
        for transform in (lambda f: f, lambda f: jax.grad(f, every), lambda f: jax.hessian(f, every)):
            actual, expected = (transform(f)(z, w, s) for f in (ours, plain))
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13), actual, expected)


@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("gap", [-90.0, -10.0, 1.0, 8.0, 30.0])
def test_a_focal_row_keeps_its_digits(way, reduction, gap):
    """Right or wrong by far, in float32: the focal loss of p as near to 0 and 1 as exp(-|gap|) is."""
    p = 1 / (1 + mp.exp(-mp.mpf(gap)))
    wrong, nll = 1 / (1 + mp.exp(mp.mpf(gap))), -mp.log(p)
    by_gap = -(wrong**1.5) * (wrong + 1.5 * p * nll)  # f'(nll) d nll / d gap
    loss = xent.Focal(1.5, alpha=(2.0, 1.0))
    value, pull = jax.vjp(lambda z: loss(z, [0], reduction=reduction), jnp.array([[gap, 0.0]], jnp.float32))
    np.testing.assert_allclose(np.ravel(value), float(2 * wrong**1.5 * nll), rtol=3e-6)
    (grad,) = pull(jnp.ones_like(value))
    np.testing.assert_allclose(grad, [[float(2 * by_gap), float(-2 * by_gap)]], rtol=3e-6)


def test_what_is_reduced_takes_one_pass():
    z, y = jnp.ones((4, 3)), jnp.zeros(4, int)
    q = jnp.full((4, 3), 1 / 3)
    for loss in (xent.CrossEntropy(label_smoothing=0.1, z_loss=0.1), *CURVES):
        assert program(jax.value_and_grad(loss), z, y).count("custom_call @xent_rows") == 1
    assert program(jax.value_and_grad(xent.CrossEntropy(z_loss=0.1)), z, q).count("custom_call @xent_rows") == 1


# ---- targets that are probabilities


@pytest.mark.parametrize("target_dtype", [jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("shape", [(9, 3), (9, 70), (3, 5, 4)])
def test_probabilities(way, dtype, shape, reduction, target_dtype):
    logits = jnp.asarray(rng.normal(scale=3.0, size=shape), dtype)
    target = jnp.asarray(jax.nn.softmax(rng.normal(size=shape), axis=1), target_dtype)
    z, q = np.moveaxis(wide(logits), 1, -1), np.moveaxis(wide(target), 1, -1)
    exps = np.exp(z - z.max(-1, keepdims=True))
    t, p = 0.9 * q + 0.1 / shape[1], exps / exps.sum(-1, keepdims=True)
    values = -(t * np.log(p)).sum(-1)
    share = np.ones_like(values) if reduction == "none" else 1 / q.sum()
    loss = xent.CrossEntropy(label_smoothing=0.1)
    value, pull = jax.vjp(jax.jit(lambda z: loss(z, target, axis=1, reduction=reduction)), logits)
    np.testing.assert_allclose(value, values if reduction == "none" else values.sum() / q.sum(), rtol=2e-6)
    expected = np.moveaxis((t.sum(-1, keepdims=True) * p - t) * np.expand_dims(share, -1), -1, 1)
    np.testing.assert_allclose(wide(pull(jnp.ones_like(value))[0]), expected, **tolerance(dtype))


@pytest.mark.parametrize("eps", [0.0, 0.2])
def test_derivatives_of_probabilities(way, eps):
    """By logits, target and row weights, first and second ones, one row of weight 0."""
    with jax.enable_x64(True):
        z, q = jnp.asarray(rng.normal(size=(5, 3))), jnp.asarray(rng.dirichlet(np.ones(3), size=5))
        s = jnp.asarray(rng.uniform(size=5)).at[2].set(0.0)

        def ours(z: Any, q: Any, s: Any) -> Any:
            return xent.cross_entropy(z, q, sample_weight=s, label_smoothing=eps)

        def plain(z: Any, q: Any, s: Any) -> Any:
            t = (1 - eps) * q + eps / 3
            return -(s[:, None] * t * jax.nn.log_softmax(z)).sum() / (s * q.sum(1)).sum()

        every = (0, 1, 2)
        for transform in (lambda f: f, lambda f: jax.grad(f, every), lambda f: jax.hessian(f, every)):
            actual, expected = (transform(f)(z, q, s) for f in (ours, plain))
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13), actual, expected)
        batch = jnp.stack([z, 2 * z])
        actual, expected = (jax.vmap(jax.grad(f, every), (0, None, None))(batch, q, s) for f in (ours, plain))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13), actual, expected)


@pytest.mark.parametrize("n_classes", [3, 100])
@pytest.mark.parametrize("gap", [1.0, 5.0, 20.0, 60.0])
def test_a_confident_row_whose_target_is_one_hot_keeps_its_digits(way, gap, n_classes):
    logits = jnp.zeros((2, n_classes)).at[jnp.arange(2), jnp.array([1, n_classes - 1])].set(gap)
    target = jax.nn.one_hot(jnp.array([1, 0]), n_classes)
    _, grads = in_mpmath(logits, [1, 0], temperature=0.5)
    for reduction in ("sum", "none"):
        _, pull = jax.vjp(lambda z, r=reduction: xent.cross_entropy(z, target, temperature=0.5, reduction=r), logits)
        upstream = jnp.ones(2 if reduction == "none" else ())
        np.testing.assert_allclose(pull(upstream)[0], grads, rtol=2e-6, atol=1e-37)


@pytest.mark.parametrize("n_classes", [3, 100])
def test_a_confident_row_whose_target_is_nearly_one_hot_keeps_its_digits(n_classes):
    """All that is left of the gradient of the likeliest class is what float32 rounds away from 1."""
    logits = jnp.zeros((1, n_classes), jnp.float32).at[0, 1].set(21.0)
    target = jnp.full((1, n_classes), 3e-10, jnp.float32).at[0, 1].set(1.0 - 2.0**-24)
    q = [mp.mpf(float(each)) for each in target[0]]
    exps = [mp.exp(mp.mpf(float(each))) for each in logits[0]]
    mass, total = mp.fsum(q), mp.fsum(exps)
    expected = [[float(mass * e / total - t) for e, t in zip(exps, q, strict=True)]]
    grad = jax.grad(lambda z: xent.cross_entropy(z, target, reduction="sum"))(logits)
    np.testing.assert_allclose(grad, expected, rtol=2e-6)


@pytest.mark.parametrize("n_classes", [3, 70])
def test_z_loss_of_probabilities_of_any_mass(way, n_classes):
    """By logits and target; a row of mass 0 has none, its logits NaN or not."""
    with jax.enable_x64(True):
        z = jnp.asarray(rng.normal(size=(5, n_classes))).at[4].set(nan)
        q = jnp.asarray(rng.dirichlet(np.ones(n_classes), size=5)) * jnp.array([1.0, 0.3, 2.0, 0.0, 0.0])[:, None]

        @jax.jit  # where no number is read, none is refused
        def ours(z: Any, q: Any) -> Any:
            return xent.CrossEntropy(z_loss=0.2)(z, q, reduction="sum", temperature=2.0)

        def plain(z: Any, q: Any) -> Any:
            z, q = z[:4] / 2, q[:4]
            square = jax.nn.logsumexp(z, axis=1, keepdims=True) ** 2
            return (q * (0.2 * square - jax.nn.log_softmax(z))).sum()

        (value, grads), (expected, expected_grads) = (jax.value_and_grad(f, (0, 1))(z, q) for f in (ours, plain))
        np.testing.assert_allclose(value, expected, rtol=1e-11)
        np.testing.assert_allclose(grads[0], expected_grads[0], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(grads[1][:4], expected_grads[1][:4], rtol=1e-11)
        actual, expected = (jax.hessian(f)(z[:4], q[:4]) for f in (ours, plain))
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-13)


def test_classes_of_no_probability_may_be_impossible(way):
    z = jnp.array([[-inf, 1.0, 0.0], [nan, nan, nan], [-inf, -inf, -inf]])
    q = jnp.array([[0.0, 0.25, 0.75], [0.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    s = jnp.array([1.0, 1.0, 0.0])
    p = 1 / (1 + math.exp(-1.0))
    value, grad = jax.jit(
        jax.value_and_grad(lambda z, q, s: xent.cross_entropy(z, q, sample_weight=s, reduction="sum"))
    )(z, q, s)
    np.testing.assert_allclose(value, -0.25 * math.log(p) - 0.75 * math.log(1 - p), rtol=1e-6)
    np.testing.assert_allclose(grad, [[0, p - 0.25, 0.25 - p], [0, 0, 0], [0, 0, 0]], rtol=1e-6)


# ---- vmap


def test_vmap_over_some_arguments(way):
    """Class weights of each example, or logits of each for the same labels and weights; two deep."""
    with jax.enable_x64(True):
        z, y = jnp.asarray(rng.normal(size=(2, 3, 5, 4))), jnp.asarray(rng.integers(-1, 4, size=(2, 3, 5)))
        w = jnp.asarray(rng.uniform(0.5, 2.0, size=(2, 4)))

        def loss(z: Any, y: Any, w: Any) -> Any:
            return xent.cross_entropy(z, y, weight=w, ignore_index=-1, label_smoothing=0.1)

        def plain(z: Any, y: Any, w: Any) -> Any:
            return smoothed(z, y, w, (y >= 0) * 1.0, 0.1)

        for y_axes, labels, w_axes, weights in (
            ((0, 0), y, (0, None), w),
            ((None, None), y[0, 0], (None, None), w[0]),
            ((0, None), y[:, 0], (None, 0), 1.0 + w[0] * jnp.arange(3)[:, None]),
        ):
            batched = [
                jax.vmap(jax.vmap(jax.value_and_grad(f), (0, y_axes[1], w_axes[1])), (0, y_axes[0], w_axes[0]))
                for f in (loss, plain)
            ]
            actual, expected = (f(z, labels, weights) for f in batched)
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13), actual, expected)


def test_vmap_over_rows(way):
    z, y = jnp.asarray(rng.normal(size=(70, 600)), jnp.float32), jnp.asarray(rng.integers(600, size=70))
    values, grads = jax.jit(jax.vmap(jax.value_and_grad(xent.cross_entropy)))(z, y)
    expected = optax.losses.softmax_cross_entropy_with_integer_labels(z, y)
    np.testing.assert_allclose(values, expected, rtol=2e-6)
    np.testing.assert_allclose(grads, jax.nn.softmax(z) - jax.nn.one_hot(y, 600), rtol=1e-5, atol=1e-7)


# ---- edges


def test_impossible_and_unknown_classes(way):
    z = jnp.array([[-inf, 0.0, 1.0], [-inf, 0.0, 1.0], [inf, 0.0, 0.0], [nan, 0.0, 0.0], [-inf, -inf, -inf]])
    value, pull = jax.vjp(lambda z: xent.cross_entropy(z, [1, 0, 0, 1, 0], reduction="none"), z)
    p = 1 / (1 + math.e)
    np.testing.assert_allclose(value, [math.log(1 + math.e), inf, nan, nan, nan], rtol=1e-6)
    (grad,) = pull(jnp.ones(5))
    np.testing.assert_allclose(grad[:2], [[0, p - 1, 1 - p], [-1, p, 1 - p]], rtol=1e-6)
    assert np.isnan(np.asarray(grad[2:])).any(axis=1).all()


@pytest.mark.parametrize("bad", [nan, inf, -inf])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"z_loss": 0.1}, {"reduction": "sum"}])
def test_a_row_that_takes_no_part(way, bad, options):
    z = jnp.asarray(rng.normal(size=(3, 4)), jnp.float32).at[1].set(bad)
    for arguments in (
        {"target": [0, -100, 3]},
        {"target": [0, 2, 3], "sample_weight": [1.0, 0.0, 1.0]},
        {"target": [0, 2, 3], "weight": [1.0, 1.0, 0.0, 1.0]} if not options.get("label_smoothing") else None,
    ):
        if arguments is None:
            continue
        value, grad = jax.value_and_grad(lambda z, a=arguments: xent.cross_entropy(z, **a, **options))(z)
        two = jnp.delete(z, 1, axis=0)
        rest = {"weight": arguments["weight"]} if "weight" in arguments else {}
        expected, of_two = jax.value_and_grad(lambda z, rest=rest: xent.cross_entropy(z, [0, 3], **rest, **options))(
            two
        )
        np.testing.assert_allclose(value, expected, rtol=1e-6)
        assert (grad[1] == 0).all()
        np.testing.assert_allclose(np.delete(grad, 1, axis=0), of_two, rtol=1e-6)


def test_wrong_labels_that_nobody_saw(way):
    z = jnp.asarray(rng.normal(size=(3, 4)), jnp.float32)
    of = jax.jit(jax.value_and_grad(lambda z, y: xent.cross_entropy(z, y, reduction="sum")))
    value, grad = of(z, jnp.array([1, 4, 2]))
    assert math.isnan(value)
    np.testing.assert_array_equal(np.isnan(grad), np.arange(3)[:, None] * np.ones(4) == 1)


@pytest.mark.parametrize(("empty", "expected"), [("nan", nan), ("zero", 0.0)])
def test_nothing_takes_part(way, empty, expected):
    z = jnp.ones((3, 4))
    value, grad = jax.value_and_grad(lambda z: xent.cross_entropy(z, [-100] * 3, empty=empty))(z)
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(grad, np.zeros((3, 4)))


def test_a_float16_mean_has_a_gradient_where_shares_are_tiny(way):
    """Of 70,000 rows each has a share of 1.4e-5, of which float16 holds two digits; scaled up it has them all."""
    logits = jnp.asarray(rng.normal(size=(70_000, 2)), jnp.float16)
    target = rng.integers(2, size=70_000)
    grad = jax.grad(lambda z: 65536 * xent.cross_entropy(z, target))(logits)
    expected = jax.nn.softmax(wide(logits)) - jax.nn.one_hot(target, 2)
    np.testing.assert_allclose(wide(grad), expected * 65536 / 70_000, rtol=1.1 * 2**-10)


def test_shard_map_knows_what_differs_among_devices(way):
    mesh = jax.make_mesh((1,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.sharding.PartitionSpec("batch")
    z, y = jnp.asarray(rng.normal(size=(8, 5)), jnp.float32), jnp.asarray(rng.integers(5, size=8))

    def of_shard(z: Any, y: Any) -> Any:
        return jax.lax.psum(xent.cross_entropy(z, y, reduction="sum"), "batch")

    for check in (True, False):
        of_all = jax.shard_map(
            of_shard, mesh=mesh, in_specs=(split, split), out_specs=jax.sharding.PartitionSpec(), check_vma=check
        )
        expected = optax.losses.softmax_cross_entropy_with_integer_labels(z, y).sum()
        np.testing.assert_allclose(jax.jit(of_all)(z, y), expected, rtol=1e-6)
