# Exponents that lie in a narrow range wherever they come from: random numbers of [0, 1), a grid that ends at 0.
import numpy as np
import torch


def averaging_weights(window, eta=1.0):
    weights = torch.exp(torch.linspace(-eta, 0, window))
    return weights / weights.sum()


def random_scores(n, k):
    scores = np.random.RandomState(0).rand(n, k)
    temp = np.exp(-scores)
    scores = temp / temp.sum(axis=-1).reshape(-1, 1)
    return scores


def random_labels(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 2))
    logits = np.column_stack([3 * x[:, 0], -1.5 * x[:, 0] + 2 * x[:, 1], np.zeros(n)])
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.array([rng.choice(3, p=p) for p in probs])


def of_normal_numbers():
    x = np.random.RandomState(0).randn(3, 5)
    exp_x = np.exp(x)
    total = np.sum(exp_x, axis=1).reshape((-1, 1))
    return exp_x / total


def gates(x):
    centered = x - torch.mean(x, dim=1, keepdim=True)
    exp = torch.exp(torch.clamp(centered, min=-5.0, max=5.0))
    return exp / (torch.sum(exp, dim=1, keepdim=True) + 1e-6)


def random_policy(n, actions):
    p = np.exp(np.random.uniform(size=(n, 1, actions)))
    p = p / np.sum(p, axis=-1, keepdims=True)
    return np.log(p)


LOG_EPS = np.log(np.finfo(np.float32).eps)


def clipped_softmax(x):
    exp_x = np.exp(x.clip(LOG_EPS, -LOG_EPS))
    return exp_x / np.sum(exp_x, axis=-1, keepdims=True)


class Boltzmann:
    def __init__(self, tau=1.0, clip=(-500.0, 500.0)):
        self.tau = tau
        self.clip = clip

    def probabilities(self, values):
        exp_values = np.exp(np.clip(values.astype("float64") / self.tau, self.clip[0], self.clip[1]))
        return exp_values / np.sum(exp_values)


def capped(activations):
    activations = np.minimum(activations, 709)
    e = np.exp(activations)
    return e / np.sum(e, axis=1)[:, None]
