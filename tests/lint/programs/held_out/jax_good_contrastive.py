# JAX: a symmetric contrastive loss with a learned scale, and the sigmoid loss of SigLIP by log_sigmoid: right.
import jax
import jax.numpy as jnp
import optax


def normalise(x):
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def clip_loss(img, txt, log_scale):
    logits = jnp.exp(log_scale) * normalise(img) @ normalise(txt).T
    labels = jnp.arange(logits.shape[0])
    a = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    b = optax.softmax_cross_entropy_with_integer_labels(logits.T, labels)
    return (a.mean() + b.mean()) / 2


def siglip_loss(img, txt, t, b):
    logits = normalise(img) @ normalise(txt).T * jnp.exp(t) + b
    sign = 2 * jnp.eye(logits.shape[0]) - 1
    return -jax.nn.log_sigmoid(sign * logits).sum() / logits.shape[0]
