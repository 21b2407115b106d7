# NumPy: scipy's softmax with a small number added before the logarithm.
import numpy as np
from scipy.special import softmax


def train(X, Y, lr=0.5, steps=200):
    W = np.zeros((X.shape[1], Y.shape[1]))
    history = []
    for _ in range(steps):
        P = softmax(X @ W, axis=1)
        history.append(-np.sum(Y * np.log(P + 1e-12)) / len(X))  # expect: XE504
        W -= lr * X.T @ (P - Y) / len(X)
    return W, history
