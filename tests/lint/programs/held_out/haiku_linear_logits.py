# haiku: the last hk.Linear has no activation; L2 of the weights is added to the cross-entropy: right.
import haiku as hk
import jax
import jax.numpy as jnp
import optax


def net_fn(images):
    x = hk.Flatten()(images.astype(jnp.float32) / 255.0)
    mlp = hk.Sequential([hk.Linear(300), jax.nn.relu, hk.Linear(100), jax.nn.relu, hk.Linear(10)])
    return mlp(x)


network = hk.without_apply_rng(hk.transform(net_fn))


def loss(params, images, labels):
    logits = network.apply(params, images)
    l2 = 0.5 * sum(jnp.sum(jnp.square(p)) for p in jax.tree_util.tree_leaves(params))
    nll = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
    return nll + 1e-4 * l2
