"""What is refused, with which words; what is not checked under jit, and what comes of it; dtypes of targets."""

import re
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import xent  # noqa: E402
from xent.errors import DtypeError, OptionError, ShapeError, TargetError  # noqa: E402

rng = np.random.default_rng(7)
LOGITS = rng.normal(size=(4, 3))
INDEX = np.array([0, 2, 1, -100])
Z = jnp.asarray(LOGITS, jnp.float32)
Y = jnp.asarray(INDEX)
ONES = np.ones((4, 3))

WRONG: list[tuple[type[Exception], Any, dict[str, Any]]] = [
    (TargetError, [0, 1, 3, 0], {}),
    (TargetError, [0, -1, 3, 0], {}),
    (TargetError, ONES, {}),
    (TargetError, ONES / 3 - np.eye(4, 3), {}),
    (ShapeError, [0, 1, 2], {}),
    (ShapeError, ONES[:, :2], {}),
    (DtypeError, [0.0, 1.0, 2.0, 0.0], {}),
    (ShapeError, [0, 1, 2, 0], {"axis": 2}),
    (ShapeError, [0, 1, 2, 0], {"weight": [1.0, 2.0]}),
    (ShapeError, [0, 1, 2, 0], {"sample_weight": [1.0, 2.0]}),
    (OptionError, [0, 1, 2, 0], {"weight": [1.0, -2.0, 1.0]}),
    (OptionError, [0, 1, 2, 0], {"sample_weight": [1.0, np.nan, 1.0, 1.0]}),
    (OptionError, [0, 1, 2, 0], {"prior": [1.0, 0.0, 1.0]}),
    (OptionError, [0, 1, 2, 0], {"prior_strength": np.inf}),
    (OptionError, [0, 1, 2, 0], {"temperature": 0.0}),
    (OptionError, [0, 1, 2, 0], {"softcap": -1.0}),
    (OptionError, [0, 1, 2, 0], {"reduction": "avg"}),
    (OptionError, [0, 1, 2, 0], {"normalizer": -1.0}),
    (OptionError, [0, 1, 2, 0], {"normalizer": 3.0, "reduction": "sum"}),
]


def message(error: Any, function: Any) -> str:
    with pytest.raises(error) as caught:
        function()
    return str(caught.value)


@pytest.mark.parametrize(("error", "target", "options"), WRONG)
def test_the_messages_are_those_of_numpy(error, target, options):
    """For lists and NumPy arrays and JAX arrays, and under jit with constants: then nothing is traced at all."""
    expected = message(error, lambda: xent.cross_entropy(LOGITS, target, **options))
    arrays = {name: value if np.ndim(value) == 0 else jnp.asarray(value) for name, value in options.items()}
    for function in (
        lambda: xent.cross_entropy(Z, target, **options),
        lambda: xent.cross_entropy(Z, jnp.asarray(target), **arrays),
        lambda: jax.jit(lambda z: xent.cross_entropy(z, target, **options))(Z),
        lambda: jax.grad(lambda z: xent.cross_entropy(z, target, **options))(Z),
    ):
        assert message(error, function).replace("float32", "float64") == expected


BINARY = [[0, 1, 1]] * 4


@pytest.mark.parametrize(
    ("error", "target", "options"),
    [
        (TargetError, [[0, 1, 2]] * 4, {}),
        (TargetError, [[0, 1, np.nan]] * 4, {}),
        (ShapeError, [0, 1, 1], {}),
        (DtypeError, [["a", "b", "c"]] * 4, {}),
        (DtypeError, BINARY, {"mask": [1, 0, 1]}),
        (ShapeError, BINARY, {"mask": [True, False]}),
        (ShapeError, BINARY, {"pos_weight": [1.0, 2.0]}),
        (OptionError, BINARY, {"weight": [1.0, 2.0, -1.0]}),
    ],
)
def test_the_messages_of_sigmoid_losses_are_those_of_numpy(error, target, options):
    expected = message(error, lambda: xent.binary_cross_entropy(LOGITS, target, **options))
    assert message(error, lambda: xent.binary_cross_entropy(Z, target, **options)) == expected


def test_shapes_are_checked_under_jit():
    for error, options in (
        (ShapeError, {"target": Y[:3]}),
        (ShapeError, {"target": Y, "weight": jnp.ones(2)}),
        (ShapeError, {"target": Y, "sample_weight": jnp.ones((4, 3))}),
        (DtypeError, {"target": jnp.ones(4)}),
        (DtypeError, {"target": Y, "weight": jnp.ones(3, complex)}),
        (OptionError, {"target": Y, "normalizer": jnp.ones(2)}),
    ):
        with pytest.raises(error):
            jax.jit(lambda options: xent.cross_entropy(Z, **options))(options)
    with pytest.raises(ShapeError):
        jax.jit(xent.binary_cross_entropy)(Z, jnp.ones(3))
    with pytest.raises(ShapeError):
        jax.jit(lambda mask: xent.binary_cross_entropy(Z, jnp.ones((4, 3)), mask=mask))(jnp.ones(2, bool))


def test_logits_are_real_numbers():
    with pytest.raises(DtypeError, match="logits must be real numbers; got dtype complex64"):
        xent.cross_entropy(Z.astype(jnp.complex64), INDEX)
    with pytest.raises(ShapeError, match="logits must have a class axis"):
        xent.cross_entropy(jnp.array(1.0), 0)


def test_a_wrong_class_under_jit_makes_its_row_nan():
    for wrong in (3, -1, 2**31 - 1, -(2**31)):
        target = jnp.array([0, wrong, 1, -100])

        @jax.jit
        def loss_and_grad(z: Any, target: Any) -> Any:
            losses, pull = jax.vjp(lambda z: xent.Focal(2.0)(z, target, reduction="none"), z)
            return losses, pull(jnp.ones(4))[0]

        losses, grad = loss_and_grad(Z, target)
        expected, dlogits = xent.value_and_grad(xent.Focal(2.0))(LOGITS, [0, 0, 1, -100], reduction="none")
        expected[1] = dlogits[1] = np.nan
        np.testing.assert_allclose(losses, expected, rtol=1e-5)
        np.testing.assert_allclose(grad, dlogits, rtol=1e-4, atol=1e-7)
    assert np.isnan(jax.jit(xent.cross_entropy)(Z, target))
    _, stats = jax.jit(lambda z, y: xent.cross_entropy(z, y, return_stats=True))(Z, target)
    assert np.isnan(stats.target_log_prob).tolist() == [False, True, False, True]
    assert not stats.correct[1]
    assert np.isfinite(stats.lse).all()


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("ignore_index", [-100, 1, 255, 2**32 - 1])
def test_integers_of_every_width(dtype, ignore_index):
    """An ignore_index that the dtype cannot hold ignores nothing."""
    with jax.enable_x64(True):
        info = np.iinfo(dtype)
        target = np.array([0, 1, 2, ignore_index if info.min <= ignore_index <= info.max else 0], dtype)
        z = jnp.asarray(LOGITS)
        expected, dlogits = xent.value_and_grad(xent.cross_entropy)(LOGITS, target, ignore_index=ignore_index)
        for y in (target, jnp.asarray(target)):
            value, grad = jax.value_and_grad(lambda z, y=y: xent.cross_entropy(z, y, ignore_index=ignore_index))(z)
            np.testing.assert_allclose(value, expected, rtol=1e-12)
            np.testing.assert_allclose(grad, dlogits, rtol=1e-12, atol=1e-15)
            assert (grad[-1] == 0).all() == (dlogits[-1] == 0).all()


def test_more_classes_than_the_target_can_name():
    logits = rng.normal(size=(3, 300)).astype(np.float32)
    target = np.array([0, 7, 255], np.uint8)
    expected = xent.cross_entropy(logits.astype(float), target)
    np.testing.assert_allclose(xent.cross_entropy(jnp.asarray(logits), target), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(xent.cross_entropy)(logits * jnp.ones(()), target), expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_narrow_probabilities(dtype):
    """Their sums err by their rounding, and they are targets nevertheless; their gradient has their dtype."""
    probs = jnp.asarray(rng.dirichlet(np.ones(40), size=5), dtype)
    logits = rng.normal(size=(5, 40))
    wide = np.asarray(probs.astype(jnp.float32), float)
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    z = jnp.asarray(logits, jnp.float32)
    value, (dz, dq) = jax.value_and_grad(lambda z, q: xent.CrossEntropy()(z, q, reduction="sum"), (0, 1))(z, probs)
    np.testing.assert_allclose(value, -(wide * log_probs).sum(), rtol=1e-6)
    assert dq.dtype == dtype
    np.testing.assert_allclose(dq.astype(float), -log_probs, rtol=1.01 * float(jnp.finfo(dtype).eps) / 2)
    expected = np.exp(log_probs) * wide.sum(axis=1, keepdims=True) - wide
    np.testing.assert_allclose(dz, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(xent.cross_entropy(z, np.asarray(probs), reduction="sum"), value, rtol=1e-7)


def test_the_largest_of_many_narrow_probabilities():
    """bfloat16 cannot count to 1000, nor float16 to 100,000; the first of equals is the one."""
    for dtype, n_classes in ((jnp.bfloat16, 1000), (jnp.float16, 100_000)):
        probs = np.full((3, n_classes), 2.0**-20)
        logits = np.zeros((3, n_classes), np.float32)
        largest = np.array([7, n_classes - 3, n_classes // 2])
        for columns, at in ((largest, 0.25), (largest + 2, 0.25)):
            probs[np.arange(3), columns] += at
            logits[np.arange(3), columns] = 5.0
        target = jnp.asarray(probs / probs.sum(axis=1, keepdims=True), dtype)
        z = jnp.asarray(logits)
        stats = jax.jit(lambda z, q: xent.cross_entropy(z, q, return_stats=True)[1])(z, target)
        assert stats.correct.all()
        stats = jax.jit(lambda z, q: xent.cross_entropy(z, q, return_stats=True)[1])(z.at[:, 0].set(6.0), target)
        assert not stats.correct.any()


def test_one_hot_booleans_and_integers_are_probabilities():
    one_hot = np.eye(3, dtype=bool)[[0, 2, 1, 0]]
    expected = xent.cross_entropy(LOGITS, [0, 2, 1, 0])
    for target in (one_hot, one_hot.astype(np.int8), jnp.asarray(one_hot)):
        np.testing.assert_allclose(xent.cross_entropy(Z, target), expected, rtol=1e-6)


def test_a_normalizer_may_be_a_tracer():
    @jax.jit
    def loss(z: Any, n: Any) -> Any:
        return xent.cross_entropy(z, INDEX, normalizer=n)

    expected = xent.cross_entropy(LOGITS, INDEX, reduction="sum") / 17
    for n in (17, jnp.array(17.0), jnp.array([17])):
        np.testing.assert_allclose(loss(Z, n), expected, rtol=1e-6)


def test_only_the_frameworks_in_use_are_looked_for():
    """NumPy logits stay NumPy's, whatever the target is; JAX logits take a target of NumPy."""
    assert isinstance(xent.cross_entropy(LOGITS, np.asarray(Y)), float)
    assert isinstance(xent.cross_entropy(Z, INDEX), jax.Array)
    assert re.search("jax.value_and_grad", message(DtypeError, lambda: xent.value_and_grad(xent.cross_entropy)(Z, Y)))
