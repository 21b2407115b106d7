"""Where optax has the same loss, it is the same loss: values, and gradients by logits and labels."""

from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax")
optax = pytest.importorskip("optax")

import jax.numpy as jnp  # noqa: E402

import xent  # noqa: E402

rng = np.random.default_rng(5)
LOGITS = rng.normal(scale=3.0, size=(6, 5))
LABELS = rng.integers(5, size=6)
PROBS = rng.dirichlet(np.ones(5), size=6)
BINARY = rng.uniform(size=(6, 5))


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


def check(ours: Any, theirs: Any, *arguments: Any) -> None:
    arrays = [jnp.asarray(each) for each in arguments]
    expected, theirs_back = jax.vjp(jax.jit(theirs), *arrays)
    value, ours_back = jax.vjp(jax.jit(ours), *arrays)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    upstream = jnp.asarray(rng.normal(size=expected.shape))
    for actual, wanted in zip(ours_back(upstream), theirs_back(upstream), strict=True):
        np.testing.assert_allclose(actual, wanted, rtol=1e-11, atol=1e-14)


def test_softmax_cross_entropy():
    check(lambda z, q: xent.cross_entropy(z, q, reduction="none"), optax.losses.softmax_cross_entropy, LOGITS, PROBS)


@pytest.mark.parametrize("axis", [-1, 0])
def test_softmax_cross_entropy_with_integer_labels(axis):
    check(
        lambda z: xent.cross_entropy(z, LABELS if axis else LABELS[:5], axis=axis, reduction="none"),
        lambda z: optax.losses.softmax_cross_entropy_with_integer_labels(z, LABELS if axis else LABELS[:5], axis=axis),
        LOGITS if axis else LOGITS[:5],
    )


def test_smoothed_labels():
    check(
        lambda z: xent.cross_entropy(z, LABELS, label_smoothing=0.1, reduction="none"),
        lambda z: optax.losses.softmax_cross_entropy(z, optax.losses.smooth_labels(jnp.eye(5)[LABELS], 0.1)),
        LOGITS,
    )


def test_softmax_cross_entropy_where_the_target_has_no_class():
    masked = np.where(np.eye(6, 5, dtype=bool), -np.inf, LOGITS)
    probs = np.where(np.eye(6, 5, dtype=bool), 0.0, PROBS)
    probs /= probs.sum(axis=1, keepdims=True)
    check(
        lambda z: xent.cross_entropy(z, probs, reduction="none"),
        lambda z: optax.losses.safe_softmax_cross_entropy(z, probs),
        masked,
    )


@pytest.mark.parametrize("epsilon", [2.0, -0.5])
def test_poly_loss(epsilon):
    for target, probs in ((LABELS, np.eye(5)[LABELS]), (PROBS, PROBS)):
        check(
            lambda z, target=target: xent.Poly1(epsilon)(z, target, reduction="none"),
            lambda z, probs=probs: optax.losses.poly_loss_cross_entropy(z, probs, epsilon=epsilon),
            LOGITS,
        )


def test_kl_divergence():
    """The cross-entropy less the entropy of the target, which has no gradient by the logits."""
    check(
        lambda z: xent.cross_entropy(z, PROBS, reduction="none") + (PROBS * np.log(PROBS)).sum(axis=-1),
        lambda z: optax.losses.kl_divergence(jax.nn.log_softmax(z), PROBS),
        LOGITS,
    )


@pytest.mark.parametrize("labels", [BINARY, BINARY < 0.5])
def test_sigmoid_binary_cross_entropy(labels):
    check(
        lambda z: xent.binary_cross_entropy(z, labels, reduction="none"),
        lambda z: optax.losses.sigmoid_binary_cross_entropy(z, labels.astype(float)),
        LOGITS,
    )


def test_sigmoid_binary_cross_entropy_by_its_labels():
    check(
        lambda z, t: xent.binary_cross_entropy(z, t, reduction="none"),
        optax.losses.sigmoid_binary_cross_entropy,
        LOGITS,
        BINARY,
    )


@pytest.mark.parametrize(("alpha", "gamma"), [(None, 2.0), (0.25, 2.0), (0.9, 1.0), (0.5, 0.0)])
def test_sigmoid_focal_loss(alpha, gamma):
    hard = (BINARY < 0.5).astype(float)
    check(
        lambda z: xent.Focal(gamma, alpha=alpha).binary(z, hard, reduction="none"),
        lambda z: optax.losses.sigmoid_focal_loss(z, hard, alpha=alpha, gamma=gamma),
        LOGITS,
    )
