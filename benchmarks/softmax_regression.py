"""SoftmaxRegression against scikit-learn's LogisticRegression at the same optimum, and the time of its matrix products.

Every contestant has one BLAS thread: with more, small products take many times longer on a busy machine, which
SoftmaxRegression avoids by itself and scikit-learn does not. With threads of its choice it would not finish here.

All are held to the same gradient: the largest entry of the objective's gradient by the standardised features, computed
here in float64 from their coefficients. scikit-learn gets the loosest tolerance, of one a decade, that reaches it.
``products`` is the physical limit of such a method: the seconds of its matrix products alone, two an evaluation.
"""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from _timing import copy_bandwidth, interleave, print_table, ratio, write_json
from scipy import special
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from xent.classifiers import SoftmaxRegression
from xent.kernels import backend_for

GRADIENT = 1e-6
ROUNDS = 15
# newton-cholesky factors a Hessian of (d K)² entries: with 2000 × 2000 a fit takes forty times ours.
HESSIAN_SIDE = 1000


def made(n: int, d: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return independent normal features and labels drawn from a softmax of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    logits = X @ rng.normal(size=(d, n_classes)) * (2.0 / d**0.5)
    return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def gradient_norm(model: SoftmaxRegression | LogisticRegression, X: np.ndarray, y: np.ndarray) -> float:
    """Return the largest entry of the gradient at l2 = C = 1."""
    residual = special.softmax(X @ model.coef_.T + model.intercept_, axis=1)
    residual[np.arange(len(y)), y] -= 1.0
    d_coef = (residual.T @ X + model.coef_) / len(y)
    d_intercept = residual.mean(axis=0)
    std = X.std(axis=0)
    standardised = (d_coef - np.multiply.outer(d_intercept, X.mean(axis=0))) / np.where(std > 0, std, 1.0)
    return float(max(np.abs(standardised).max(), np.abs(d_intercept).max()))


def held_to_it(solver: str, X: np.ndarray, y: np.ndarray) -> tuple[LogisticRegression, float]:
    """Return the unfitted estimator with the loosest tolerance that reaches the gradient, and what it reaches."""
    for tol in 10.0 ** -np.arange(3, 10):
        model = LogisticRegression(solver=solver, tol=tol, max_iter=5000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            reached = gradient_norm(model.fit(X, y), X, y)
        if reached <= GRADIENT:
            break
    return model, reached


def products(X: np.ndarray, n_classes: int) -> Callable[[], object]:
    """Return the two matrix products of one evaluation: what no implementation in these steps can do without."""
    W, G = np.ones((n_classes, X.shape[1])), np.ones((len(X), n_classes))
    return lambda: (X @ W.T, X.T @ G)


def main() -> None:
    """Time every contestant on every problem; print a table and write it down."""
    digits, labels = load_digits(return_X_y=True)
    problems = {
        "digits 1797x64x10": (digits, labels),
        "digits, standardised": (StandardScaler().fit_transform(digits), labels),
        "made 20000x200x10": made(20_000, 200, 10),
    }
    warnings.simplefilter("ignore", ConvergenceWarning)  # what each reached is in the table
    rows = []
    for name, (X, y) in problems.items():
        ours = SoftmaxRegression(tol=GRADIENT).fit(X, y)
        reached = {"xent": gradient_norm(ours, X, y)}
        contestants: dict[str, Callable[[], object]] = {"xent": partial(SoftmaxRegression(tol=GRADIENT).fit, X, y)}
        for solver in ("lbfgs", "newton-cholesky") if 10 * X.shape[1] <= HESSIAN_SIDE else ("lbfgs",):
            model, reached[solver] = held_to_it(solver, X, y)
            contestants[solver] = partial(model.fit, X, y)
        seconds = interleave(contestants, rounds=ROUNDS)
        bare = statistics.median(interleave({"products": products(X, 10)}, rounds=31)["products"])
        for contestant, times in seconds.items():
            rows.append(
                {
                    "problem": name,
                    "contestant": contestant,
                    "seconds": statistics.median(times),
                    "times xent": ratio(seconds, contestant, "xent"),
                    "gradient": reached[contestant],
                    "evaluations": ours.n_evaluations_ if contestant == "xent" else "",
                    "products": bare * ours.n_evaluations_ if contestant == "xent" else "",
                }
            )
    print_table(rows)
    facts = {"gradient": GRADIENT, "kernels": backend_for(np.zeros((1, 10))).name, "copy": copy_bandwidth()}
    path = write_json("softmax_regression", rows, **facts)
    print(f"{facts['kernels']} kernels; written to {path}")


if __name__ == "__main__":
    with threadpool_limits(1, user_api="blas"):
        main()
