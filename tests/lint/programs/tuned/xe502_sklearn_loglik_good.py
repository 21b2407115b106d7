# NumPy: log-likelihood of a logistic model by logaddexp, and log_expit of SciPy.
import numpy as np
from scipy.special import expit, log_expit


def loglik(beta, X, y):
    z = X @ beta
    return np.sum(y * z - np.logaddexp(0.0, z))


def loglik2(beta, X, y):
    z = X @ beta
    return np.sum(y * log_expit(z) + (1 - y) * log_expit(-z))


def grad(beta, X, y):
    return X.T @ (y - expit(X @ beta))
