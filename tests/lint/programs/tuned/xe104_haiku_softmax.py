# Haiku: the Sequential's last callable is jax.nn.softmax, and its output goes to optax.softmax_cross_entropy.
import haiku as hk
import jax
import optax


def net_fn(x):
    mlp = hk.Sequential([hk.Flatten(), hk.Linear(300), jax.nn.relu, hk.Linear(10), jax.nn.softmax])
    return mlp(x)


net = hk.without_apply_rng(hk.transform(net_fn))


def loss_fn(params, images, labels):
    logits = net.apply(params, images)
    onehot = jax.nn.one_hot(labels, 10)
    return optax.softmax_cross_entropy(logits, onehot).mean()  # expect: XE104


grad_fn = jax.jit(jax.value_and_grad(loss_fn))
