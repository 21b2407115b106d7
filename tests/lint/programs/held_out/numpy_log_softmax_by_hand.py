# NumPy: np.log of scipy's softmax in the loss; logsumexp on the next line does it well.
import numpy as np
from scipy.special import logsumexp, softmax


def nll(W, X, y):
    z = X @ W
    log_p = np.log(softmax(z, axis=1))  # expect: XE501
    return -log_p[np.arange(len(y)), y].mean()


def nll_right(W, X, y):
    z = X @ W
    log_p = z - logsumexp(z, axis=1, keepdims=True)
    return -log_p[np.arange(len(y)), y].mean()
