# JAX by hand: log of a softmax, log with an epsilon, and exp / sum(exp) without the maximum.
import jax
import jax.numpy as jnp


def nll(params, x, y):
    z = x @ params["w"] + params["b"]
    return -jnp.mean(jnp.sum(y * jnp.log(jax.nn.softmax(z)), axis=-1))  # expect: XE501


def nll_eps(params, x, y):
    p = jax.nn.softmax(x @ params["w"] + params["b"])
    return -jnp.mean(jnp.sum(y * jnp.log(p + 1e-7), axis=-1))  # expect: XE504


def my_softmax(z):
    return jnp.exp(z) / jnp.sum(jnp.exp(z), axis=-1, keepdims=True)  # expect: XE505


def nll_right(params, x, y):
    z = x @ params["w"] + params["b"]
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), axis=-1))
