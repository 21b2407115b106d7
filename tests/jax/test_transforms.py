"""jit, vmap, grad and hessian of the losses; the derivatives by everything that is not the logits."""

from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import xent  # noqa: E402
from xent.losses import LOSSES, get_loss  # noqa: E402

inf, nan = np.inf, np.nan
N, K = 4, 3
rng = np.random.default_rng(11)
LOGITS = rng.normal(scale=2.0, size=(N, K))
INDEX = np.array([2, 0, 1, 1])
PROBS = rng.dirichlet(np.ones(K), size=N)
WEIGHT = np.array([0.5, 2.0, 1.5])
ROW_WEIGHT = np.array([1.0, 0.5, 2.0, 3.0])


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def close(actual: Any, expected: Any, rtol: float = 1e-11, atol: float = 1e-13) -> None:
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def softmax(z: Any) -> Any:
    exps = np.exp(z - z.max(axis=-1, keepdims=True))
    return exps / exps.sum(axis=-1, keepdims=True)


def difference(function: Any, x: Any, along: Any, h: float = 1e-5) -> Any:
    """The derivative of a NumPy function along a direction, by four values: right to about h⁴."""
    one, two = along * h, along * 2 * h
    return (8 * (function(x + one) - function(x - one)) - (function(x + two) - function(x - two))) / (12 * h)


# ---- second derivatives


@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
def test_hessian_of_cross_entropy(target):
    """Of a row it is diag(p) - p pᵀ, whatever the target; rows know nothing of each other."""
    p = softmax(LOGITS)
    expected = np.zeros((N, K, N, K))
    for i in range(N):
        expected[i, :, i, :] = (np.diag(p[i]) - np.outer(p[i], p[i])) / N
    z = jnp.asarray(LOGITS)

    def loss(z: Any) -> Any:
        return xent.cross_entropy(z, target)

    for hessian in (jax.hessian(loss), jax.jit(jax.hessian(loss)), jax.jacrev(jax.grad(loss))):
        close(hessian(z), expected)


def test_hessian_of_a_temperature_and_z_loss():
    """L = lse - z_y + λ lse² of z/T: the Hessian is ((1 + 2λ lse)(diag p - ppᵀ) + 2λ ppᵀ)/T²."""
    z, lam, temperature = LOGITS[0], 0.1, 2.0
    p = softmax(z / temperature)
    lse = np.log(np.exp(z / temperature).sum())
    curvature = np.diag(p) - np.outer(p, p)
    expected = ((1 + 2 * lam * lse) * curvature + 2 * lam * np.outer(p, p)) / temperature**2
    hessian = jax.hessian(lambda z: xent.cross_entropy(z, 1, z_loss=lam, temperature=temperature))(jnp.asarray(z))
    close(hessian, expected)


def test_hessian_of_binary_cross_entropy():
    p = 1 / (1 + np.exp(-LOGITS[:, 0]))
    hessian = jax.hessian(lambda z: xent.binary_cross_entropy(z, PROBS[:, 0]))(jnp.asarray(LOGITS[:, 0]))
    close(hessian, np.diag(p * (1 - p)) / N)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_second_derivatives_are_differences_of_first(name):
    loss = get_loss(name + ("" if name == "asymmetric" else "(label_smoothing=0.1)"))
    options = {"softcap": 3.0, "sample_weight": ROW_WEIGHT}
    direction = rng.normal(size=(N, K))
    cases: list[Any] = [(loss.binary, PROBS), (loss.binary, PROBS > 0.4)]
    if name != "asymmetric":
        cases += [(loss, INDEX), (loss, PROBS), (type(loss)(), INDEX)]
    for function, target in cases:
        numpy_gradient = xent.value_and_grad(function)
        expected = difference(
            lambda z, gradient=numpy_gradient, target=target: gradient(z, target, **options)[1], LOGITS, direction
        )
        gradient = jax.grad(lambda z, function=function, target=target: function(z, target, **options))
        with jax.disable_jit():
            _, product = jax.jvp(gradient, (jnp.asarray(LOGITS),), (jnp.asarray(direction),))
        close(product, expected, rtol=1e-7, atol=1e-10)


def test_the_second_derivative_of_a_focal_loss_that_is_right():
    """At p = 1 the derivatives of (1-p)^γ nll are 0 for γ = 2, by either mode."""
    z = jnp.array([800.0, 0.0])
    gradient = jax.grad(lambda z: xent.Focal(2.0)(z, 0))
    close(jax.jacfwd(gradient)(z), np.zeros((2, 2)))
    close(jax.jacrev(gradient)(z), np.zeros((2, 2)))


@pytest.mark.parametrize("gamma", [0.25, 0.5, 1.0, 2.0])
def test_derivatives_of_a_focal_loss_close_to_saturation(gamma):
    """For a large z the loss is e^-(1+γ)z to first order, so its n-th derivative is (-1-γ)^n as much."""
    with jax.enable_x64(False):
        z = np.array([15.0, 30.0, 60.0, 75.0])
        second = jax.hessian(lambda z: xent.Focal(gamma).binary(z, 1.0))
        for order, derivative in ((2, second), (3, jax.grad(second))):
            found = jax.vmap(derivative)(jnp.asarray(z))
            assert found.dtype == jnp.float32
            close(found, (-1 - gamma) ** order * np.exp(-(1 + gamma) * z), rtol=1e-4, atol=1e-37)


def test_forward_mode_over_the_loss_is_refused_by_jax():
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lambda z: xent.cross_entropy(z, INDEX), (jnp.asarray(LOGITS),), (jnp.ones((N, K)),))


# ---- vmap


def test_vmap_is_a_loop():
    z, y = rng.normal(size=(6, N, K)), rng.integers(-1, K, size=(6, N))
    s = rng.uniform(size=(6, N))
    prior = rng.dirichlet(np.ones(K), size=6)

    def one(z: Any, y: Any, s: Any, prior: Any) -> Any:
        loss = xent.Focal(2.0, z_loss=0.1)
        return loss(z, y, sample_weight=s, prior=prior, ignore_index=-1, mining=xent.Hardest(0.5))

    values, grads = jax.vmap(jax.value_and_grad(one))(*map(jnp.asarray, (z, y, s, prior)))
    loss = xent.Focal(2.0, z_loss=0.1)
    for i in range(6):
        options = {"sample_weight": s[i], "prior": prior[i], "ignore_index": -1, "mining": xent.Hardest(0.5)}
        value, grad = xent.value_and_grad(loss)(z[i], y[i], **options)
        close(values[i], value)
        close(grads[i], grad)


def test_vmap_over_classes_last_and_over_one_target():
    z = rng.normal(size=(K, N, 6))
    values = jax.vmap(lambda z: xent.cross_entropy(z, INDEX, axis=0, reduction="none"), in_axes=2)(jnp.asarray(z))
    expected = [xent.cross_entropy(z[..., i], INDEX, axis=0, reduction="none") for i in range(6)]
    close(values, expected)


def test_gradients_of_each_example():
    grads = jax.vmap(jax.grad(lambda z, t: xent.binary_cross_entropy(z, t)))(jnp.asarray(LOGITS), jnp.asarray(PROBS))
    close(grads, (1 / (1 + np.exp(-LOGITS)) - PROBS) / K)


# ---- the derivatives by all else


def check_derivative(numpy_loss: Any, jax_loss: Any, x: Any, direction: Any = None) -> None:
    """The derivative of a loss by one of its arguments, against differences of NumPy's values."""
    directions = np.eye(x.size).reshape(-1, *x.shape) if direction is None else direction
    with jax.disable_jit():
        grad = np.asarray(jax.grad(jax_loss)(jnp.asarray(x)))
    for along in directions:
        close((grad * along).sum(), difference(numpy_loss, x, along), rtol=1e-8, atol=1e-10)


LOSS_CASES = [
    (xent.CrossEntropy(), INDEX),
    (xent.CrossEntropy(label_smoothing=0.1, z_loss=0.1), INDEX),
    (xent.CrossEntropy(label_smoothing=0.1, z_loss=0.1), PROBS),
    (xent.Focal(2.0, alpha=(1.0, 0.5, 2.0)), INDEX),
    (xent.Focal(2.0, alpha=(1.0, 0.5, 2.0), label_smoothing=0.2, smoothing="others"), PROBS),
]


@pytest.mark.parametrize(("loss", "target"), LOSS_CASES, ids=range(len(LOSS_CASES)))
@pytest.mark.parametrize("argument", ["weight", "sample_weight", "prior", "normalizer"])
def test_derivatives_by_options(argument, loss, target):
    options: dict[str, Any] = {"weight": WEIGHT, "sample_weight": ROW_WEIGHT, "prior": np.array([1.0, 2.0, 4.0])}
    options |= {"softcap": 3.0, "temperature": 0.5, "normalizer": np.array(5.0)}
    x = options.pop(argument)
    if argument in ("weight", "sample_weight"):
        del options["normalizer"]  # so that the mean's denominator is differentiated too

    def of(z: Any) -> Any:
        return lambda x: loss(z, target, **options, **{argument: x})

    check_derivative(of(LOGITS), of(jnp.asarray(LOGITS)), x)


@pytest.mark.parametrize("loss", [loss for loss, target in LOSS_CASES if target is PROBS], ids=range(2))
def test_derivatives_by_a_probability_target(loss):
    """Along directions that leave it a distribution."""

    def of(z: Any) -> Any:
        return lambda q: loss(z, q, weight=WEIGHT, sample_weight=ROW_WEIGHT)

    directions = rng.normal(size=(5, N, K))
    directions -= directions.mean(axis=-1, keepdims=True)
    check_derivative(of(LOGITS), of(jnp.asarray(LOGITS)), PROBS, 0.05 * directions)


@pytest.mark.parametrize("loss", [xent.CrossEntropy(), xent.Focal(2.0, alpha=0.25, label_smoothing=0.1)], ids=range(2))
@pytest.mark.parametrize("argument", ["target", "weight", "pos_weight", "sample_weight", "normalizer"])
def test_derivatives_of_sigmoid_losses(argument, loss):
    arguments: dict[str, Any] = {"target": PROBS, "weight": WEIGHT, "pos_weight": 1.0 + WEIGHT[::-1]}
    arguments |= {"sample_weight": ROW_WEIGHT, "normalizer": np.array(5.0), "mask": LOGITS < 2.0, "softcap": 3.0}
    x = arguments.pop(argument)
    if argument in ("weight", "sample_weight"):
        del arguments["normalizer"]

    def of(z: Any) -> Any:
        return lambda x: loss.binary(z, **arguments, **{argument: x})

    check_derivative(of(LOGITS), of(jnp.asarray(LOGITS)), x)


def test_a_row_of_weight_0_still_has_a_derivative_by_its_weight():
    """What learning to weight examples starts from: at weight 0, both orders."""
    losses = xent.cross_entropy(LOGITS, INDEX, reduction="none")
    rows = xent.value_and_grad(xent.cross_entropy)(LOGITS, INDEX, reduction="none")[1]

    def loss(s: Any, z: Any) -> Any:
        return xent.cross_entropy(z, INDEX, sample_weight=s, reduction="sum")

    zero, z = jnp.zeros(N), jnp.asarray(LOGITS)
    close(jax.grad(loss)(zero, z), losses)
    mixed = jax.jacrev(jax.grad(loss, argnums=1))(zero, z)
    for i in range(N):
        close(mixed[..., i], np.where(np.arange(N)[:, None] == i, rows, 0.0))


def test_a_class_that_the_target_leaves_out_may_be_impossible():
    z = jnp.array([-inf, 1.0, 0.0])
    q = jnp.array([0.0, 0.25, 0.75])
    loss = xent.CrossEntropy()
    value, (dz, dq) = jax.value_and_grad(lambda z, q: loss(z, q, reduction="sum"), argnums=(0, 1))(z, q)
    p = softmax(np.array([1.0, 0.0]))
    close(value, -(0.25 * np.log(p[0]) + 0.75 * np.log(p[1])))
    close(dz, [0.0, p[0] - 0.25, p[1] - 0.75])
    close(dq, [0.0, -np.log(p[0]), -np.log(p[1])])


# ---- what takes no part


def zero_gradients(loss: Any, z: Any) -> None:
    """First and second derivatives of the last row are exactly 0, those of the others finite."""
    with jax.disable_jit():
        grad, *hessians = jax.grad(loss)(z), jax.hessian(loss)(z), jax.jacrev(jax.grad(loss))(z)
    assert (grad[-1] == 0).all()
    assert np.isfinite(grad).all()
    for hessian in hessians:
        assert (hessian[-1] == 0).all()
        assert (hessian[..., -1, :] == 0).all()
        assert np.isfinite(hessian).all()


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_nothing_comes_of_an_ignored_row(bad):
    z = jnp.asarray(LOGITS).at[-1].set(bad)
    ignored = np.append(INDEX[:-1], -100)
    for loss, options in (
        (xent.CrossEntropy(z_loss=0.1, label_smoothing=0.1), {}),
        (xent.Focal(0.5), {"softcap": 2.0}),
    ):
        zero_gradients(lambda z, loss=loss, options=options: loss(z, ignored, prior=WEIGHT, **options), z)
        with jax.disable_jit():
            value = loss(z, ignored, reduction="none", **options)
        close(value, loss(LOGITS, ignored, reduction="none", **options))


@pytest.mark.parametrize("bad", [nan, inf, -inf])
def test_nothing_comes_of_a_row_or_a_label_of_weight_0(bad):
    z = jnp.asarray(LOGITS).at[-1].set(bad)
    weight = ROW_WEIGHT * [1, 1, 1, 0]
    zero_gradients(lambda z: xent.Focal(0.5)(z, PROBS, sample_weight=weight), z)
    zero_gradients(lambda z: xent.cross_entropy(z, np.array([0, 0, 0, 1]), weight=[1.0, 0.0, 1.0]), z)
    zero_gradients(lambda z: xent.binary_cross_entropy(z, PROBS, sample_weight=weight), z)


@pytest.mark.parametrize("bad", [nan, inf])
def test_nothing_comes_of_a_row_whose_upstream_gradient_is_0(bad):
    z = jnp.asarray(LOGITS).at[-1].set(bad)
    kept = np.array([True, True, True, False])
    for function in (xent.Focal(2.0), xent.Focal(2.0).binary):
        target = INDEX if function == xent.Focal(2.0) else PROBS

        def loss(z: Any, function: Any = function, target: Any = target) -> Any:
            losses = function(z, target, reduction="none")
            return jnp.where(kept if losses.ndim == 1 else kept[:, None], losses, 0.0).sum()

        grad = np.asarray(jax.grad(loss)(z))
        expected = xent.value_and_grad(function)(LOGITS, target, reduction="none")[1]
        close(grad, np.where(kept[:, None], expected, 0.0))


def test_uneven_upstream_gradients():
    upstream = np.array([0.5, -3.0, 0.0, 1e3])
    for loss in (xent.CrossEntropy(), xent.Focal(1.0, label_smoothing=0.1, z_loss=0.1)):
        rows = xent.value_and_grad(loss)(LOGITS, INDEX, reduction="none")[1]
        _, pull = jax.vjp(lambda z, loss=loss: loss(z, INDEX, reduction="none"), jnp.asarray(LOGITS))
        close(pull(jnp.asarray(upstream))[0], upstream[:, None] * rows)


def test_nothing_but_the_loss_has_a_gradient():
    z = jnp.asarray(LOGITS)
    stats = jax.grad(lambda z: sum(each.sum() for each in xent.cross_entropy(z, INDEX, return_stats=True)[1][:3]))(z)
    assert (stats == 0).all()
    choice = jax.jit(jax.grad(lambda z: xent.cross_entropy(z, INDEX, mining=xent.Hardest(0.5))))(z)
    losses = xent.cross_entropy(LOGITS, INDEX, reduction="none")
    kept = losses >= np.sort(losses)[-2]
    rows = xent.value_and_grad(xent.cross_entropy)(LOGITS, INDEX, reduction="none")[1]
    close(choice, np.where(kept[:, None], rows, 0.0) / 2)


# ---- what is kept for backward


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "jit"])
@pytest.mark.parametrize(
    ("function", "n_matrices"),
    [
        (lambda z, y, q: xent.cross_entropy(z, y), 1),
        (lambda z, y, q: xent.cross_entropy(z, y, label_smoothing=0.1, z_loss=0.1, weight=np.ones(50)), 1),
        (lambda z, y, q: xent.Focal(2.0, label_smoothing=0.1)(z, y, mining=xent.Hardest(0.5)), 1),
        (lambda z, y, q: xent.Focal(2.0)(z, q, weight=np.ones(50)), 2),
        (lambda z, y, q: xent.Focal(2.0).binary(z, q, weight=np.ones(50), sample_weight=np.ones(40)), 2),
    ],
)
def test_no_matrix_is_kept_but_logits_and_target(function, n_matrices, compiled):
    z = jnp.asarray(rng.normal(size=(40, 50)), jnp.bfloat16)
    y, q = jnp.asarray(rng.integers(50, size=40)), jnp.asarray(rng.dirichlet(np.ones(50), size=40), jnp.bfloat16)

    def loss(z: Any) -> Any:
        return function(z, y, q)

    _, pull = jax.vjp(jax.jit(loss) if compiled else loss, z)
    kept = [leaf for leaf in jax.tree.leaves(pull) if jnp.size(leaf) >= z.size]
    assert [leaf.dtype for leaf in kept] == [jnp.bfloat16] * n_matrices
