# No gradient passes through these logarithms: under no_grad, of what is detached, where the gradient is hand-written.
import tensorflow as tf
import torch
from torch import nn


class Matcher(nn.Module):
    @torch.no_grad()
    def forward(self, outputs, labels):
        p = outputs["logits"].flatten(0, 1).sigmoid()
        negative = 0.75 * p**2 * -(1 - p + 1e-8).log()
        positive = 0.25 * (1 - p) ** 2 * -(p + 1e-8).log()
        return positive[:, labels] - negative[:, labels]


def surprise(model, images):
    with torch.no_grad():
        p = torch.softmax(model(images), dim=1)
        return -torch.log(p + 1e-8).max(dim=1).values


@tf.custom_gradient
def bce(y, x):
    p = tf.math.sigmoid(x)
    loss = -y * tf.math.log(p + 1e-9) - (1 - y) * tf.math.log(1 - p + 1e-9)

    def grad(upstream):
        return tf.zeros_like(y), (tf.math.sigmoid(x) - y) * upstream

    return loss, grad


def prior_term(posterior_logits, prior_logits):
    prior = torch.softmax(prior_logits, dim=-1).clamp(min=1e-8).detach()
    return -(torch.softmax(posterior_logits, dim=-1) * prior.log()).sum(-1).mean()
