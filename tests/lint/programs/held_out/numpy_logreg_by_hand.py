# NumPy logistic regression with scipy's expit: log(expit(z)), log(1 - expit(z)), and the stable form beside it.
import numpy as np
from scipy.special import expit, log_expit


def cost(w, X, y):
    z = X @ w
    a = np.log(expit(z))  # expect: XE502
    b = np.log(1 - expit(z))  # expect: XE503
    return -np.mean(y * a + (1 - y) * b)


def cost_stable(w, X, y):
    z = X @ w
    return -np.mean(y * log_expit(z) + (1 - y) * log_expit(-z))
