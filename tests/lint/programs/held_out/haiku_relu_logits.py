# haiku: the last linear layer goes through a ReLU too, before optax's cross-entropy.
import haiku as hk
import jax
import jax.numpy as jnp
import optax


def net_fn(images):
    x = images.astype(jnp.float32) / 255.0
    x = hk.Flatten()(x)
    x = jax.nn.relu(hk.Linear(300)(x))
    x = jax.nn.relu(hk.Linear(100)(x))
    return jax.nn.relu(hk.Linear(10)(x))


network = hk.without_apply_rng(hk.transform(net_fn))


def loss(params, images, labels):
    logits = network.apply(params, images)
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()  # expect: XE106
