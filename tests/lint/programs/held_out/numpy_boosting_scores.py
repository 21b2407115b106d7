# NumPy: gradient boosting keeps raw scores; expit for the gradient, the sign for the class, log1p(exp) stably: right.
import numpy as np
from scipy.special import expit
from sklearn.tree import DecisionTreeRegressor


class Boost:
    def __init__(self, n=100, lr=0.1):
        self.n, self.lr, self.trees = n, lr, []

    def fit(self, X, y):
        F = np.zeros(len(y))
        for _ in range(self.n):
            residual = y - expit(F)
            t = DecisionTreeRegressor(max_depth=3).fit(X, residual)
            F += self.lr * t.predict(X)
            self.trees.append(t)
        self.train_loss = np.mean(np.logaddexp(0, F) - y * F)
        return self

    def decision_function(self, X):
        return self.lr * sum(t.predict(X) for t in self.trees)

    def predict(self, X):
        return (self.decision_function(X) > 0).astype(int)

    def predict_proba(self, X):
        return expit(self.decision_function(X))
