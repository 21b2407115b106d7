# equinox: a network of one example that gives a logit.
import equinox as eqx
import jax


class Detector(eqx.Module):
    lin1: eqx.nn.Linear
    lin2: eqx.nn.Linear

    def __init__(self, key):
        a, b = jax.random.split(key)
        self.lin1 = eqx.nn.Linear(64, 32, key=a)
        self.lin2 = eqx.nn.Linear(32, 1, key=b)

    def __call__(self, x):
        return self.lin2(jax.nn.sigmoid(self.lin1(x)))
