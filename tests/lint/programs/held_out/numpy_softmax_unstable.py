# NumPy softmax regression whose exponentials are divided by their sum without the maximum taken off.
import numpy as np


class SoftmaxClassifier:
    def __init__(self, d, k, lr=0.1):
        self.W = np.zeros((d, k))
        self.lr = lr

    def proba(self, X):
        scores = X @ self.W
        exp_scores = np.exp(scores)
        return exp_scores / np.sum(exp_scores, axis=1, keepdims=True)  # expect: XE505

    def fit(self, X, Y, n_iter=100):
        for _ in range(n_iter):
            P = self.proba(X)
            self.W -= self.lr * X.T @ (P - Y) / len(X)
        return self
