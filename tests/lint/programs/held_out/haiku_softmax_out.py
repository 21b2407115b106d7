# haiku: the Sequential ends with jax.nn.softmax, and the loss is the one with logits.
import haiku as hk
import jax
import optax


def forward(x):
    return hk.Sequential([
        hk.Flatten(),
        hk.Linear(128), jax.nn.relu,
        hk.Linear(10), jax.nn.softmax,
    ])(x)


model = hk.without_apply_rng(hk.transform(forward))


@jax.jit
def loss(params, batch):
    out = model.apply(params, batch["image"])
    return optax.softmax_cross_entropy(out, jax.nn.one_hot(batch["label"], 10)).mean()  # expect: XE104
