# Exponents that look tame and are not: distances of data, of which a whole row can be far away; products; a sum.
import numpy as np
import torch


def soft_assignment(x, centers):
    weight = torch.exp(-torch.cdist(x, centers))
    return weight / weight.sum(dim=1, keepdim=True)  # expect: XE505


def contrast(video, text, temperature=0.01):
    scores = torch.exp(torch.matmul(video, text.T) / temperature)
    return scores / torch.sum(scores, dim=0, keepdim=True)  # expect: XE505


def scaled(rng, n, scale):
    logits = scale * rng.uniform(-1, 1, size=(n, 3))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)  # expect: XE505


def preferences(rewards, n_actions):
    h = np.zeros(n_actions)
    for action, reward in rewards:
        h[action] = h[action] + reward
    exp = np.exp(h)
    return exp / np.sum(exp)  # expect: XE505


def in_place(gradient):
    scores = torch.zeros(8)
    scores.add_(gradient)
    exp = torch.exp(scores)
    return exp / exp.sum()  # expect: XE505
