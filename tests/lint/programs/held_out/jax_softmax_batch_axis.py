# JAX: the softmax of (batch, classes) runs over axis 0; the second function leaves the default, the last axis.
import jax
import jax.numpy as jnp


def predict(params, x):
    h = jax.nn.relu(x @ params["w1"] + params["b1"])
    return h @ params["w2"] + params["b2"]


def class_probs(params):
    x = jnp.ones((32, 16))
    logits = predict(params, x)
    return jax.nn.softmax(logits, axis=0)  # expect: XE307


def class_probs_right(params):
    x = jnp.ones((32, 16))
    return jax.nn.softmax(predict(params, x))
