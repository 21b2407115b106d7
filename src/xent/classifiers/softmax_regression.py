"""Softmax regression: one linear score a class, fitted to the certified optimum of a convex loss."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_consistent_length, check_is_fitted, validate_data

from xent import _validate
from xent.classifiers._solver import LinearObjective, Solution, few_threads, minimise
from xent.errors import OptionError, ShapeError, TargetError
from xent.functional import log_softmax, softmax
from xent.loss_functions import value_and_grad
from xent.losses import Loss, get_loss

Array = NDArray[Any]
Float64 = NDArray[np.float64]

_FIT = "SoftmaxRegression.fit"


class SoftmaxRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Multinomial logistic regression: logits W x + b, fitted by a convex loss with an L2 penalty.

    With s_i the weight of row i (``sample_weight`` × class weight of its target) it minimises

        objective = ( Σ_i s_i loss(W x_i + b, y_i)  +  (l2/2) Σ_kj W_kj² ) / Σ_i s_i        in nats a row

    The intercept b is not penalised.

    Parameters
    ----------
    loss
        Name of a loss of :mod:`xent.losses`, or a loss object, such as ``CrossEntropy(label_smoothing=0.1)``. It must
        be convex, else there is no optimum to certify, and unchanged when a number is added to all logits of a row.
    l2
        Strength of the penalty, finite and ≥ 0. It counts against the sum of the losses, not their mean: a given ``l2``
        matters less the more rows there are. ``LogisticRegression(C=1/l2)`` of scikit-learn has the same optimum for
        three classes and more. For two it penalises (1/2) ‖w‖² of w = W_1 - W_0, where both rows together come to
        (1/4) ‖w‖² here: there it is ``C=2/l2``. With 0 an optimum need not exist, see Notes.
    fit_intercept
        Whether b is fitted; else it is 0.
    class_weight
        ``{class: weight}`` (1 where not named), or ``"balanced"``: Σ s / (K · Σ s of the class), s sample weights.
        With label smoothing it weights the classes of the smoothed target too, as everywhere in xent.
    tol
        The ``gradient_norm_`` to reach, > 0. Below about 1e-8 rounding may end progress first; a warning says so.
    max_iter
        Most iterations of L-BFGS, ≥ 1.
    warm_start
        Whether ``fit`` starts at the coefficients of the last one, if classes and number of features are the same.

    Attributes
    ----------
    classes_
        The K labels, sorted; 0 … K-1 after a fit to probabilities.
    coef_, intercept_
        W (K, d) and b (K,), in the dtype of X: one row a class, for two classes as well. Each column of W, and b, sums
        to 0 within rounding.
    objective_
        The objective there, in nats a row.
    gradient_norm_
        Largest absolute entry of the objective's gradient by the coefficients of the standardised features
        (x - mean) / std (weighted by s; x / root mean square without an intercept; std 1 for a constant) and by their
        intercept, in nats a row. It does not depend on the units of X.
    tolerance_
        What ``gradient_norm_`` was held to: ``tol``, but not below ε^(2/3) of the dtype (2.4e-5 in float32, 3.7e-11 in
        float64), where rounding hides the gradient.
    converged_
        Whether ``gradient_norm_`` ≤ ``tolerance_``: as the objective is convex, a certificate.
    n_iter_, n_evaluations_
        Iterations, and evaluations of the objective with its gradient: two matrix products each.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Notes
    -----
    Matrix products are computed in the dtype of X, float32 or float64, and losses are summed in float64. Sparse X stays
    sparse. L-BFGS works in centred and scaled coordinates, so features of very different scale do no harm; the
    objective stays what it is. Features whose mean is far above their spread (a thousand times in float32, a million in
    float64) lose digits: centre them.

    With ``l2=0`` the optimum need not be unique (more features than rows, collinear features), and where the classes
    can be separated there is none: the objective falls forever while W grows. ``fit`` then stops where the gradient is
    below the tolerance, and warns. A separation of only some rows or classes is not detected. A class whose weight is 0
    throughout drives its intercept towards -inf in the same way, at any ``l2``.

    Source: Hastie, Tibshirani & Friedman 2009, §4.4 (doi:10.1007/978-0-387-84858-7), there with K-1 rows; Liu & Nocedal
    1989 (doi:10.1007/BF01589116) for L-BFGS.

    See Also
    --------
    sklearn.linear_model.LogisticRegression : with L1 penalties, and other solvers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = SoftmaxRegression().fit(X, y)
    >>> round(model.objective_, 6), model.converged_
    (0.192575, True)
    >>> model.predict_proba(X[:1]).round(3)
    array([[0.982, 0.018, 0.   ]])
    """

    def __init__(
        self,
        loss: str | Loss = "cross_entropy",
        *,
        l2: float = 1.0,
        fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None,
        tol: float = 1e-6,
        max_iter: int = 1000,
        warm_start: bool = False,
    ) -> None:
        self.loss = loss
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> SoftmaxRegression:
        """Fit coefficients and intercept.

        Parameters
        ----------
        X
            Features (n, d), finite: an array, a data frame, or SciPy CSR or CSC. All but float32 is cast to float64.
        y
            Labels (n,), of any type that scikit-learn accepts; or, if it is a two-dimensional *float* array with at
            least two columns, probabilities (n, K) of the classes 0 … K-1, each row non-negative and summing to 1.
        sample_weight
            Weight of each row (n,), finite and ≥ 0; a weight of 2 is the row twice.

        Returns
        -------
        The estimator itself.

        Raises
        ------
        OptionError, ShapeError, TargetError
            A loss that is not convex or not shift-invariant, a parameter out of range; y neither labels nor
            probabilities; a single class.
        ValueError
            scikit-learn's own refusals: NaN, infinities, lengths that do not fit, labels that are continuous.

        Warns
        -----
        ConvergenceWarning
            ``gradient_norm_`` is above ``tolerance_``; or ``l2`` is 0 and the classes can be separated.
        """
        loss = self._checked_loss()
        previous = self._fitted() if self.warm_start else None
        X, target, classes = self._checked_data(X, y)
        n, n_classes = X.shape[0], len(classes)
        each = np.ones(n)
        if sample_weight is not None:
            each = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        weight = self._class_weights(target, classes, each)
        row_weight = each if weight is None else each * (weight[target] if target.ndim == 1 else target @ weight)
        if not row_weight.sum() > 0:
            raise OptionError(
                _FIT,
                "sample_weight and class_weight must leave some row a weight above 0; got 0 for all",
                "leave them out",
            )

        loss_and_grad = value_and_grad(loss)

        def row_loss(logits: Array) -> tuple[float, Array]:
            value, dlogits = loss_and_grad(logits, target, weight=weight, sample_weight=each, reduction="sum")
            return float(value), dlogits

        curvature = (1.0 - 1.0 / n_classes) / n_classes  # p (1 - p) at p = 1/K
        objective = LinearObjective(X, row_loss, row_weight, float(self.l2), bool(self.fit_intercept), curvature)
        if not np.isfinite(objective.std).all():
            raise OptionError(_FIT, "X must have finite squares; got a feature beyond 1e154", "rescale that feature")
        coef, intercept = np.zeros((n_classes, X.shape[1])), np.zeros(n_classes)
        if previous is not None and previous[1].shape == coef.shape and np.array_equal(previous[0], classes):
            coef = previous[1] - previous[1].mean(axis=0)
            intercept = previous[2] - previous[2].mean() if self.fit_intercept else intercept
        self.tolerance_ = max(float(self.tol), float(np.finfo(X.dtype).eps) ** (2 / 3))
        with few_threads(X.size * n_classes):
            solution = minimise(objective, coef, intercept, self.tolerance_, int(self.max_iter))

        self.classes_ = classes
        self.coef_, self.intercept_ = solution.coef, solution.intercept
        self.objective_, self.gradient_norm_ = solution.value, solution.gradient_norm
        self.converged_ = self.gradient_norm_ <= self.tolerance_
        self.n_iter_, self.n_evaluations_ = solution.n_iter, objective.n_evaluations
        self._warn(objective, solution)
        return self

    def decision_function(self, X: Any) -> Array:
        """Return the logits (n, K) of features (n, d); for two classes, the logit (n,) of the second: z_1 - z_0."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict(self, X: Any) -> Array:
        """Return the label (n,) of the largest logit, the first of equals."""
        best = self._logits(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n, K) of the classes, in the order of ``classes_``."""
        return softmax(self._logits(X))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithms (n, K) of the probabilities, in nats; finite where the probability underflows to 0."""
        return log_softmax(self._logits(X))

    def _logits(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse=["csr", "csc"], dtype=[np.float64, np.float32], reset=False)
        return np.asarray(X @ self.coef_.T + self.intercept_)

    def _fitted(self) -> tuple[Array, Array, Array] | None:
        return (self.classes_, self.coef_, self.intercept_) if hasattr(self, "coef_") else None

    def _checked_loss(self) -> Loss:
        """Return the loss, having checked the parameters."""
        loss = get_loss(self.loss)
        if not (loss.convex and loss.shift_invariant):
            lack = "convex" if not loss.convex else "unchanged by a shift of all logits"
            raise OptionError(
                _FIT,
                f"loss must be convex and shift-invariant; got {loss}, which is not {lack}",
                "use loss='cross_entropy'; other losses are for models trained by gradient steps",
            )
        if not (isinstance(self.l2, Real) and math.isfinite(self.l2) and self.l2 >= 0):
            raise OptionError(_FIT, f"l2 must be a finite number ≥ 0; got {self.l2!r}", "l2=1/C of scikit-learn")
        _validate.positive(_FIT, "tol", self.tol)
        if not (isinstance(self.max_iter, Integral) and self.max_iter >= 1):
            raise OptionError(_FIT, f"max_iter must be an integer ≥ 1; got {self.max_iter!r}", "1000 is the default")
        return loss

    def _checked_data(self, X: Any, y: Any) -> tuple[Any, Array, Array]:
        """Return (X, target, classes), the target as class indices (n,) or probabilities (n, K)."""
        how = {"accept_sparse": ["csr", "csc"], "dtype": [np.float64, np.float32]}
        labels = None if y is None or sparse.issparse(y) else np.asarray(y)
        if labels is not None and labels.ndim == 2 and labels.shape[1] >= 2:
            if labels.dtype.kind != "f":
                raise ShapeError(
                    _FIT,
                    "y must be labels (n,) or float probabilities (n, K); "
                    f"got shape {labels.shape}, dtype {labels.dtype}",
                    "one-hot rows are probabilities once cast by .astype(float); labels that do not exclude each other "
                    "need one binary classifier each",
                )
            X = validate_data(self, X, **how)
            check_consistent_length(X, labels)
            return X, _validate.distributions(_FIT, "y", labels), np.arange(labels.shape[1])
        X, y = validate_data(self, X, y, **how)
        check_classification_targets(y)
        classes, target = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise TargetError(
                _FIT, f"y must hold at least 2 classes; got 1 class, {classes[0]}", "there is nothing to tell apart"
            )
        return X, target, classes

    def _class_weights(self, target: Array, classes: Array, sample_weight: Float64) -> Float64 | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, Mapping):
            each = compute_class_weight(dict(self.class_weight), classes=classes, y=classes)
            return _validate.weights(_FIT, "class_weight", each, classes.shape)
        if self.class_weight != "balanced":
            raise OptionError(
                _FIT,
                f"class_weight must be a dict, 'balanced' or None; got {self.class_weight!r}",
                "None is 1 for each",
            )
        mass = np.bincount(target, sample_weight, len(classes)) if target.ndim == 1 else sample_weight @ target
        # A class without weight takes no part, whatever its factor.
        return np.where(mass > 0, sample_weight.sum() / (len(classes) * np.where(mass > 0, mass, 1.0)), 1.0)

    def _warn(self, objective: LinearObjective, solution: Solution) -> None:
        """Say where the fit falls short of an optimum."""
        if not self.converged_:
            got = f"{_FIT}: gradient_norm_ must fall to {self.tolerance_:.3g}; got {self.gradient_norm_:.3g} after "
            if solution.stalled:
                got += f"{self.n_iter_} iterations, where rounding in {objective.X.dtype} ended progress"
                hint = "raise tol" if objective.X.dtype == np.float64 else "pass X as float64, or raise tol"
            else:
                got += f"max_iter={self.max_iter} iterations"
                hint = "raise max_iter, or l2: a stronger penalty converges sooner"
            warnings.warn(f"{got}\n\nhint: {hint}", ConvergenceWarning, stacklevel=3)
        elif self.l2 == 0:
            # Where the classes are separated, going on in the same direction lowers the objective exponentially; from
            # an optimum no direction lowers it.
            further = objective.value_and_grad(2.0 * solution.coef, 2.0 * solution.intercept)[0]
            if further < 0.5 * solution.value:
                warnings.warn(
                    f"{_FIT}: the classes must not be separable with l2=0; got rows that hyperplanes separate: there "
                    f"is no optimum, and coef_ is as large as tolerance_={self.tolerance_:.3g} let it grow"
                    "\n\nhint: set l2 above 0",
                    ConvergenceWarning,
                    stacklevel=3,
                )
