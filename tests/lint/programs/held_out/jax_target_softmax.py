# JAX: the one-hot labels go through a softmax before optax's cross-entropy; the teacher's in the other loss may.
import jax
import optax


def hard_loss(params, apply, x, y):
    onehot = jax.nn.one_hot(y, 10)
    logits = apply(params, x)
    return optax.softmax_cross_entropy(logits, jax.nn.softmax(onehot)).mean()  # expect: XE304


def soft_loss(params, apply, x, teacher_logits):
    soft = jax.nn.softmax(teacher_logits)
    return optax.softmax_cross_entropy(apply(params, x), soft).mean()
