"""Every loss with every option: JAX in float64 gives the numbers of the NumPy kernels, which tests/math proves.

A hundred compilations would take minutes: all but the last tests run one operation at a time.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import xent  # noqa: E402
from xent.losses import LOSSES, get_loss  # noqa: E402

inf, nan = np.inf, np.nan
N, K = 7, 5
rng = np.random.default_rng(3)
LOGITS = rng.normal(scale=3.0, size=(N, K))
INDEX = np.array([0, 4, -100, 2, 2, 1, 3])
PROBS = rng.dirichlet(np.full(K, 0.5), size=N)
PROBS[0] = np.eye(K)[1]
WEIGHT = np.array([0.5, 0.0, 2.0, 1.0, 3.0])
ROW_WEIGHT = np.array([1.0, 0.5, 1.0, 0.0, 2.0, 3.0, 0.25])

SOFTMAX = [name for name in sorted(LOSSES) if name != "asymmetric"]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "smoothed over others": {"label_smoothing": 0.3, "smoothing": "others"},
    "all of it on the others": {"label_smoothing": 1.0, "smoothing": "others"},
    "z-loss": {"z_loss": 0.01},
    "smoothed, z-loss": {"label_smoothing": 0.2, "z_loss": 0.5},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "weight": {"weight": WEIGHT},
    "sample_weight": {"sample_weight": ROW_WEIGHT},
    "one sample_weight": {"sample_weight": 2.0},
    "temperature": {"temperature": 3.0},
    "softcap": {"softcap": 2.0},
    "prior": {"prior": [5, 1, 2, 1, 1]},
    "half a prior": {"prior": [0.5, 0.1, 0.2, 0.1, 0.1], "prior_strength": 0.5},
    "sum": {"reduction": "sum"},
    "rows": {"reduction": "none"},
    "torch's mean": {"mean": "torch"},
    "normalizer": {"normalizer": 11.0},
    "hardest": {"mining": xent.Hardest(0.4)},
    "hard negatives": {"mining": xent.HardNegatives(1.0, background=2, at_least=1)},
    "everything": {
        "weight": WEIGHT,
        "sample_weight": ROW_WEIGHT,
        "temperature": 0.5,
        "softcap": 4.0,
        "prior": [5, 1, 2, 1, 1],
        "mining": xent.Hardest(0.9),
        "mean": "torch",
    },
}
EXTRA = [
    xent.Focal(0.5),
    xent.Focal(2.0, alpha=(1.0, 0.0, 0.5, 2.0, 1.0)),
    xent.Focal(0.0),
    xent.Poly1(-1.0, label_smoothing=0.1),
    xent.GeneralizedCrossEntropy(1.0),
]
LOSS_VARIANTS = [replace(get_loss(name), **parameters) for name in SOFTMAX for parameters in VARIANTS.values()] + EXTRA


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-14)


def value_and_grad(function: Any, logits: Any) -> tuple[Any, Any]:
    """The value and the gradient of its sum: of "none" each row's own."""
    value, pull = jax.vjp(function, logits)
    (grad,) = pull(jnp.ones_like(value))
    return value, grad


def check_softmax(
    loss: Any, target: Any, options: dict[str, Any], logits: Any = LOGITS, compiled: bool = False
) -> None:
    expected, dlogits = xent.value_and_grad(loss)(logits, target, **options)
    z = jnp.asarray(logits)
    with jax.disable_jit(not compiled):
        value, grad = jax.jit(lambda z: value_and_grad(lambda z: loss(z, target, **options), z))(z)
    close(value, expected)
    close(grad, dlogits)
    assert value.dtype == grad.dtype == jnp.float64


@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
@pytest.mark.parametrize("loss", LOSS_VARIANTS, ids=repr)
def test_every_softmax_loss(loss, target):
    for options in ({}, OPTIONS["everything"]):
        check_softmax(loss, target, options)


@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_softmax_option(name, target):
    for loss in (xent.CrossEntropy(), xent.Focal(1.5, label_smoothing=0.1, z_loss=0.1)):
        check_softmax(loss, target, OPTIONS[name])


@pytest.mark.parametrize("axis", [0, -2])
def test_every_class_axis(axis):
    z = np.moveaxis(rng.normal(size=(4, 3, K)), -1, axis)
    labels, probs = rng.integers(-1, K, size=(4, 3)), np.moveaxis(rng.dirichlet(np.ones(K), size=(4, 3)), -1, axis)
    more: dict[str, Any] = {"axis": axis, "weight": WEIGHT, "sample_weight": rng.uniform(size=3), "reduction": "none"}
    more |= {"prior": [5, 1, 2, 1, 1]}
    check_softmax(xent.Focal(2.0, z_loss=0.1), labels, more | {"ignore_index": -1}, z, compiled=True)
    check_softmax(xent.CrossEntropy(label_smoothing=0.1), probs, more, z, compiled=True)


@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
def test_stats(target):
    options = {"weight": WEIGHT, "prior": [5, 1, 2, 1, 1], "softcap": 2.0, "temperature": 0.7, "return_stats": True}
    for loss in (xent.CrossEntropy(label_smoothing=0.1), xent.Focal(2.0)):
        expected, stats = loss(LOGITS, target, **options)
        with jax.disable_jit():
            value, got = loss(jnp.asarray(LOGITS), target, **options)
        close(value, expected)
        assert type(got) is type(stats)
        for name in stats._fields:
            close(getattr(got, name), getattr(stats, name))


SIGMOID = [
    replace(get_loss(name), **parameters) for name in sorted(LOSSES) for parameters in list(VARIANTS.values())[:4]
]
SIGMOID += [xent.Focal(2.0, alpha=0.25), xent.Focal(0.5, alpha=0.0), xent.Asymmetric(1.0, 2.0, 0.0)]
MASK = rng.uniform(size=(N, K)) < 0.8
BINARY = (rng.uniform(size=(N, K)) < 0.4).astype(int)
BINARY_OPTIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "weight": {"weight": WEIGHT},
    "a weight for each entry": {"weight": rng.uniform(size=(N, K))},
    "pos_weight": {"pos_weight": WEIGHT},
    "sample_weight": {"sample_weight": ROW_WEIGHT},
    "mask": {"mask": MASK},
    "ignored by value": {"ignore_index": 1},
    "temperature": {"temperature": 3.0},
    "softcap": {"softcap": 2.0},
    "sum": {"reduction": "sum"},
    "entries": {"reduction": "none"},
    "torch's mean": {"mean": "torch", "weight": WEIGHT},
    "normalizer": {"normalizer": 11},
    "hardest": {"mining": xent.Hardest(0.4)},
    "hard negatives": {"mining": xent.HardNegatives(1.0)},
    "everything": {
        "weight": WEIGHT,
        "pos_weight": 1.0 + WEIGHT,
        "sample_weight": ROW_WEIGHT,
        "mask": MASK,
        "temperature": 0.5,
        "softcap": 4.0,
        "mining": xent.HardNegatives(0.5, at_least=3),
        "mean": "torch",
    },
}


def check_sigmoid(loss: Any, target: Any, options: dict[str, Any]) -> None:
    expected, dlogits = xent.value_and_grad(loss.binary)(LOGITS, target, **options)
    z = jnp.asarray(LOGITS)
    with jax.disable_jit():
        value, grad = value_and_grad(lambda z: loss.binary(z, target, **options), z)
    close(value, expected)
    close(grad, dlogits)
    assert value.dtype == grad.dtype == jnp.float64


@pytest.mark.parametrize("target", [BINARY, PROBS, BINARY == 1], ids=["integers", "probs", "booleans"])
@pytest.mark.parametrize("loss", SIGMOID, ids=repr)
def test_every_sigmoid_loss(loss, target):
    for options in ({}, BINARY_OPTIONS["everything"]):
        check_sigmoid(loss, target, options)


@pytest.mark.parametrize("target", [BINARY, PROBS], ids=["integers", "probs"])
@pytest.mark.parametrize("name", BINARY_OPTIONS)
def test_every_sigmoid_option(name, target):
    for loss in (xent.CrossEntropy(), xent.Focal(1.5, label_smoothing=0.1)):
        check_sigmoid(loss, target, BINARY_OPTIONS[name])


@pytest.mark.parametrize(
    ("z", "target"),
    [
        ([-inf, 0.0, 0.0], [0.0, 0.5, 0.5]),
        ([-inf, 0.0], [0.5, 0.5]),
        ([-inf, 0.0], 1),
        ([-inf, 0.0], 0),
        ([inf, 0.0], 0),
        ([-inf, -inf], 0),
        ([nan, 0.0], 1),
        ([1e150, -1e150], 1),
        ([3.0], 0),
    ],
)
@pytest.mark.parametrize("name", SOFTMAX)
def test_edges_of_a_row(name, z, target):
    loss = get_loss(name)
    first = 0 if np.ndim(target) == 0 else np.eye(len(z))[0]
    check_softmax(loss, np.array([first, target]), {"reduction": "none"}, np.array([np.zeros(len(z)), z]))


def test_a_row_by_itself():
    check_softmax(xent.CrossEntropy(), np.array(1), {"weight": WEIGHT[:2]}, np.array([-inf, 0.0]), compiled=True)
    check_softmax(xent.Focal(2.0), np.array([0.0, 1.0]), {"reduction": "none"}, np.array([1.0, 0.0]), compiled=True)


@pytest.mark.parametrize("target", [0.0, 1.0, 0.25])
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_edges_of_an_entry(name, target):
    z = np.array([inf, -inf, nan, 1e308, -1e308, 1000.0, -1000.0, 0.0])
    loss, targets, options = get_loss(name), np.full(len(z), target), {"reduction": "none"}
    expected, dlogits = xent.value_and_grad(loss.binary)(z, targets, **options)
    with jax.disable_jit():
        value, grad = value_and_grad(lambda z: loss.binary(z, targets, **options), jnp.asarray(z))
    close(value, expected)
    close(grad, dlogits)


@pytest.mark.parametrize("empty", ["nan", "zero"])
def test_nothing_to_average(empty):
    for target, options in ((np.full(N, -100), {}), (PROBS, {"sample_weight": 0.0}), (INDEX, {"weight": np.zeros(K)})):
        check_softmax(xent.CrossEntropy(), target, options | {"empty": empty})
    check_sigmoid(xent.CrossEntropy(), BINARY, {"mask": np.zeros((N, K), bool), "empty": empty})
    check_softmax(xent.CrossEntropy(), np.empty(0, int), {"empty": empty}, np.empty((0, K)))
    check_softmax(xent.CrossEntropy(), np.empty((0, K)), {"empty": empty}, np.empty((0, K)))


COMPILED = [
    (xent.CrossEntropy(), INDEX, {}),
    (xent.CrossEntropy(z_loss=0.1, label_smoothing=0.1), INDEX, OPTIONS["everything"]),
    (xent.CrossEntropy(), PROBS, {"weight": WEIGHT, "reduction": "none"}),
    (xent.Focal(2.0), INDEX, OPTIONS["everything"] | {"mean": "weighted"}),
    (xent.Focal(0.5), PROBS, OPTIONS["hard negatives"]),
]


@pytest.mark.parametrize(("loss", "target", "options"), COMPILED, ids=lambda each: str(each)[:40])
def test_compiled(loss, target, options):
    """As a whole, target and weights being tracers; and by itself, as it is when called outside of jit."""
    static = {name: value for name, value in options.items() if name not in ("weight", "sample_weight", "prior")}
    arrays = {name: jnp.asarray(value, float) for name, value in options.items() if name not in static}

    def function(z: Any, target: Any, arrays: Any) -> Any:
        return value_and_grad(lambda z: loss(z, target, **static, **arrays), z)

    expected = xent.value_and_grad(loss)(LOGITS, target, **options)
    arguments = jnp.asarray(LOGITS), jnp.asarray(target), arrays
    for values in (function(*arguments), jax.jit(function)(*arguments)):
        for actual, wanted in zip(values, expected, strict=True):
            close(actual, wanted)


def test_compiled_sigmoid():
    static = {"mining": xent.HardNegatives(0.5, at_least=3), "softcap": 4.0, "mean": "torch"}
    arrays = {"weight": WEIGHT, "pos_weight": 1.0 + WEIGHT, "sample_weight": ROW_WEIGHT, "mask": MASK}
    loss = xent.Focal(2.0, alpha=0.25, label_smoothing=0.1)

    def function(z: Any, target: Any, arrays: Any) -> Any:
        return value_and_grad(lambda z: loss.binary(z, target, **static, **arrays), z)

    expected = xent.value_and_grad(loss.binary)(LOGITS, BINARY, **static, **arrays)
    arguments = jax.tree.map(jnp.asarray, (LOGITS, BINARY, arrays))
    for values in (function(*arguments), jax.jit(function)(*arguments)):
        for actual, wanted in zip(values, expected, strict=True):
            close(actual, wanted)


def test_compiled_stats():
    value, stats = xent.cross_entropy(LOGITS, INDEX, return_stats=True)
    compiled = jax.jit(lambda z, target: xent.cross_entropy(z, target, return_stats=True))
    for actual, expected in zip(jax.tree.leaves(compiled(LOGITS * jnp.ones(()), INDEX)), [value, *stats], strict=True):
        close(actual, expected)


BAD = np.array(
    [
        [0.0, 0.0, 0.0],
        [1.0, -inf, 2.0],
        [-inf, 1.0, 1.0],
        [-inf, -inf, -inf],
        [inf, 0.0, 0.0],
        [0.0, inf, -inf],
        [nan, 0.0, 0.0],
        [nan, nan, nan],
        [1e4, -1e4, 0.0],
        [-1e4, 1e4, 1e4],
        [40.0, 0.0, 0.0],
    ]
)
BAD = np.concatenate([BAD, np.repeat(BAD[:, -1:], 61, axis=1)], axis=1)  # longer than a vector of any machine


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "loss", [xent.CrossEntropy(), xent.CrossEntropy(label_smoothing=0.1), xent.Focal(2.0)], ids=repr
)
@pytest.mark.parametrize("of", ["index", "ignored index", "probs"])
def test_compiled_edges(loss, of, dtype):
    """Infinities and NaN pass through the fused loops as they do through single operations."""
    target: Any = np.zeros(len(BAD), int)
    if of == "ignored index":
        target[[3, 6, 8]] = -100
    if of == "probs":
        target = np.zeros_like(BAD)
        target[:, [0, 2]] = 0.5
    more = {"reduction": "none", "return_stats": True}
    expected, dlogits = xent.value_and_grad(loss)(BAD, target, **more)

    def function(z: Any) -> Any:
        value, pull, stats = jax.vjp(lambda z: loss(z, target, **more), z, has_aux=True)
        return (value, stats), pull(jnp.ones_like(value))[0]

    got, grad = jax.jit(function)(jnp.asarray(BAD, dtype))
    rtol = 1e-12 if dtype == np.float64 else 2e-6
    for actual, wanted in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=1e-37)
    np.testing.assert_allclose(grad, dlogits, rtol=rtol, atol=1e-7 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
def test_what_runs_on_other_platforms(target, monkeypatch):
    """Where XLA fuses well the sums are taken in one way for all rows."""
    from xent.jax import _rows, _softmax

    for module in (_rows, _softmax):
        monkeypatch.setattr(module, "on_platform", lambda on_cpu, elsewhere, *arrays: elsewhere(*arrays))
    for loss in (xent.CrossEntropy(), xent.CrossEntropy(label_smoothing=0.1, z_loss=0.1), xent.Focal(2.0)):
        check_softmax(loss, target, OPTIONS["everything"])
    check_softmax(xent.CrossEntropy(), np.array([0, 1]), {}, np.array([[800.0, 0.0], [-inf, 0.0]]))
    check_softmax(xent.CrossEntropy(), np.array([[1.0, 0.0], [0.0, 1.0]]), {}, np.array([[800.0, 0.0], [-inf, 0.0]]))
