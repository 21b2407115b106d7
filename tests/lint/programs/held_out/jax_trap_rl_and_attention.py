# JAX: attention, a softmax policy by log_softmax, and stop_gradient on targets: right.
import jax
import jax.numpy as jnp
import optax


def attention(q, k, v, mask):
    s = q @ k.swapaxes(-1, -2) / jnp.sqrt(q.shape[-1])
    s = jnp.where(mask, s, -1e9)
    return jax.nn.softmax(s, axis=-1) @ v


def policy_loss(apply, params, obs, act, ret):
    logits = apply(params, obs)
    logp = jax.nn.log_softmax(logits)
    chosen = jnp.take_along_axis(logp, act[:, None], axis=1)[:, 0]
    return -jnp.mean(chosen * jax.lax.stop_gradient(ret))


def dino_loss(student_logits, teacher_logits, ts=0.1, tt=0.04):
    targets = jax.lax.stop_gradient(jax.nn.softmax(teacher_logits / tt))
    return optax.softmax_cross_entropy(student_logits / ts, targets).mean()


def kl(student_logits, teacher_logits):
    return optax.kl_divergence(jax.nn.log_softmax(student_logits), jax.nn.softmax(teacher_logits)).mean()
