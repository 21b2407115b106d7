# flax language model: PAD is 0, np.pad fills the rows with it, and the mean goes over all places.
import jax
import jax.numpy as jnp
import numpy as np
import optax

PAD = 0


def batch_of(seqs, length):
    rows = [np.pad(s, (0, length - len(s)), constant_values=PAD) for s in seqs]
    return jnp.asarray(np.stack(rows))


def loss_fn(params, apply, seqs):
    tokens = batch_of(seqs, 128)
    logits = apply(params, tokens[:, :-1])
    targets = tokens[:, 1:]
    ce = optax.softmax_cross_entropy_with_integer_labels(logits, targets)  # expect: XE401
    return ce.mean()


grad = jax.grad(loss_fn)
