# NumPy logistic regression by hand: the cost takes np.log(1 - sigmoid(z)).
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cost(theta, X, y):
    z = X.dot(theta)
    pos = y * np.log(sigmoid(z))  # expect: XE502
    neg = (1 - y) * np.log(1 - sigmoid(z))  # expect: XE503
    return -np.mean(pos + neg)
