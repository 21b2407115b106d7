# Integer class ids in a column broadcast against ten logits inside optax.sigmoid_binary_cross_entropy.
import equinox as eqx
import jax
import jax.numpy as jnp
import optax

N_CLASSES = 10
mlp = eqx.nn.MLP(64, N_CLASSES, 128, 2, key=jax.random.PRNGKey(0))


@eqx.filter_value_and_grad
def loss(model, x, key):
    logits = jax.vmap(model)(x)
    labels = jax.random.randint(key, (x.shape[0],), 0, N_CLASSES)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, labels[:, None]))  # expect: XE305


@eqx.filter_value_and_grad
def multi_label_loss(model, x, tags):
    logits = jax.vmap(model)(x)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, tags.astype(jnp.float32)))
