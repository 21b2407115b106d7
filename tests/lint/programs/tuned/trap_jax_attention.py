# Flax: attention softmax and a sigmoid gate inside, logits outside, padding masked by hand.
import flax.linen as nn
import jax.numpy as jnp
import optax


class Block(nn.Module):
    d: int

    @nn.compact
    def __call__(self, x, mask):
        q, k, v = (nn.Dense(self.d)(x) for _ in range(3))
        s = jnp.einsum("btd,bsd->bts", q, k) / jnp.sqrt(self.d)
        a = nn.softmax(jnp.where(mask[:, None, :], s, -1e9), axis=-1)
        gate = nn.sigmoid(nn.Dense(self.d)(x))
        return x + gate * nn.Dense(self.d)(a @ v)


class Tagger(nn.Module):
    vocab: int
    tags: int
    d: int = 64

    @nn.compact
    def __call__(self, ids, mask):
        x = nn.Embed(self.vocab, self.d)(ids)
        for _ in range(2):
            x = Block(self.d)(x, mask)
        return nn.Dense(self.tags)(x)


def loss_fn(params, model, ids, tags, pad_id=0):
    mask = ids != pad_id
    logits = model.apply(params, ids, mask)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, tags)
    return jnp.sum(losses * mask) / jnp.sum(mask)
