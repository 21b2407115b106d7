# haiku: the loss of the old MNIST example: one-hot labels times log_softmax, divided by the batch's size: right.
import haiku as hk
import jax
import jax.numpy as jnp


def net_fn(batch):
    x = batch["image"].astype(jnp.float32) / 255.0
    return hk.Sequential([hk.Flatten(), hk.Linear(300), jax.nn.relu, hk.Linear(10)])(x)


net = hk.without_apply_rng(hk.transform(net_fn))


def loss(params, batch):
    logits = net.apply(params, batch)
    labels = jax.nn.one_hot(batch["label"], 10)
    xent = -jnp.sum(labels * jax.nn.log_softmax(logits))
    return xent / labels.shape[0]


def accuracy(params, batch):
    return jnp.mean(jnp.argmax(net.apply(params, batch), axis=-1) == batch["label"])
