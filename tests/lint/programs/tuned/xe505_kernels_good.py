# Kernels normalised to sum to 1: the exponent is minus a square, 0 at the centre, and neither overflows nor vanishes.
import numpy as np
import tensorflow as tf
import torch


def blur(kernel_size, sigma):
    dist = torch.arange(start=(1 - kernel_size) / 2, end=(1 + kernel_size) / 2, step=1)
    gauss = torch.exp(-torch.pow(dist / sigma, 2) / 2)
    return gauss / gauss.sum()


def blur_2d(size, sigma):
    coords = torch.arange(size) - (size - 1) / 2
    g = coords**2
    g = torch.exp(-(g.unsqueeze(0) + g.unsqueeze(1)) / (2.0 * sigma**2))
    g /= torch.sum(g)
    return g


def blur_tf(radius, sigma):
    x = tf.cast(tf.range(-radius, radius + 1), dtype=tf.float32)
    kernel = tf.exp(-tf.pow(x, 2.0) / (2.0 * tf.pow(tf.cast(sigma, dtype=tf.float32), 2.0)))
    kernel /= tf.reduce_sum(kernel)
    return kernel


def blur_np(size, sigma):
    x = np.arange(size) - (size - 1) / 2
    kernel = np.exp(-0.5 * (x / sigma) ** 2)
    return kernel / np.sum(kernel)


class Parzen(torch.nn.Module):
    def __init__(self, bins, precision):
        super().__init__()
        self.register_buffer("centers", torch.linspace(0, 1, bins))
        self.precision = precision

    def forward(self, values):
        weight = torch.exp(-self.precision.to(values) * (values - self.centers.to(values)) ** 2)
        return weight / torch.sum(weight, dim=-1, keepdim=True)


def blur_as_matlab(shape, sigma):
    m, n = [(size - 1) / 2 for size in shape]
    y, x = np.ogrid[-m : m + 1, -n : n + 1]
    h = np.exp(-(x * x + y * y) / (2 * sigma * sigma))
    h /= h.sum()
    return h


def recency(n, decay):
    weights = np.exp(-decay * np.arange(n)[::-1])
    return weights / np.sum(weights)
