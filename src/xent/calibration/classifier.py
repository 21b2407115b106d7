"""Any scikit-learn classifier with honest probabilities: calibrated on scores of rows it did not learn from."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import check_cv
from sklearn.utils import assert_all_finite, indexable
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, has_fit_parameter

from xent.calibration._base import Calibrator
from xent.calibration.probabilities import from_probs
from xent.calibration.temperature_scaling import TemperatureScaling
from xent.errors import DtypeError, OptionError, ShapeError

Array = NDArray[Any]
Float64 = NDArray[np.float64]

_FIT = "CalibratedClassifier.fit"
#: The least probability that a forest's or a naive Bayes classifier's 0 is taken for: logits must be finite.
_FLOOR = 1e-7


class CalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier and a calibrator that was fitted on its cross-validated scores.

    The rows are cut into folds; each is scored by a copy of the classifier that learnt from the other folds; the
    calibrator learns from these scores, and the classifier that predicts learns from all rows. A classifier that is
    fitted already goes in as ``sklearn.frozen.FrozenEstimator(classifier)``, with rows that it has not seen.

    Parameters
    ----------
    estimator
        A classifier with ``decision_function`` (taken where it is there, as logits) or ``predict_proba`` (taken through
        :func:`from_probs`, probabilities below 1e-7 as 1e-7).
    calibrator
        An unfitted calibrator; None is :class:`TemperatureScaling`.
    cv
        Folds: a number (stratified), a splitter of scikit-learn, or pairs of row numbers, such as
        :func:`xent.sampling.folds` gives them where rows come in groups.

    Attributes
    ----------
    classes_
        The labels, sorted.
    estimator_
        The classifier, fitted on all rows.
    calibrator_
        The calibrator, fitted on cross-validated logits.

    Notes
    -----
    The calibrator sees scores of classifiers that learnt from (folds - 1)/folds of the rows and serves one that learnt
    from all: with many folds the difference is small. One calibrator for one classifier is what
    ``ensemble=False`` is in scikit-learn's ``CalibratedClassifierCV``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from xent.calibration import CalibratedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = CalibratedClassifier(GaussianNB()).fit(X, y)
    >>> round(model.calibrator_.temperature_, 3)
    1.732
    >>> model.predict_proba(X[77:78]).round(2), model.estimator_.predict_proba(X[77:78]).round(2)
    (array([[0.  , 0.19, 0.81]]), array([[0.  , 0.08, 0.92]]))
    """

    def __init__(self, estimator: Any = None, calibrator: Calibrator | None = None, *, cv: Any = 5) -> None:
        self.estimator = estimator
        self.calibrator = calibrator
        self.cv = cv

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit both on features X (n, d) and labels y (n,).

        ``sample_weight`` goes to the calibrator, and to the classifier if it takes weights.

        Raises
        ------
        OptionError, ShapeError
            A fold whose classifier has not seen every class; scores of a shape that is not a column a class.
        """
        X, y = indexable(X, column_or_1d(y, warn=True))
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        self.classes_, target = np.unique(np.asarray(y), return_inverse=True)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        if not (self.calibrator is None or isinstance(self.calibrator, Calibrator)):
            raise DtypeError(
                _FIT, f"calibrator must be None or a calibrator; got {self.calibrator!r}", "such as PlattScaling()"
            )
        calibrator = TemperatureScaling() if self.calibrator is None else self.calibrator.clone()
        estimator = _default() if self.estimator is None else self.estimator
        weighted = weight is not None and has_fit_parameter(estimator, "sample_weight")

        def fitted(rows: Any) -> Any:
            part, labels = _safe_split(estimator, X, y, rows)
            extra = {"sample_weight": weight[rows]} if weighted and weight is not None else {}
            return clone(estimator).fit(part, labels, **extra)

        self.estimator_ = fitted(np.arange(len(target)))  # first: features that are none, the classifier refuses
        if len(self.classes_) < 2:
            raise OptionError(_FIT, f"y must hold two classes or more; got one class, {self.classes_[0].item()!r}")
        logits = np.full((len(target), len(self.classes_)), np.nan)
        scored = np.zeros(len(target), dtype=np.int64)
        for learn, score in check_cv(self.cv, y, classifier=True).split(X, y):
            model = fitted(learn)
            if not np.array_equal(model.classes_, self.classes_):
                missing = np.setdiff1d(self.classes_, model.classes_)
                raise OptionError(
                    _FIT,
                    f"every fold's classifier must see every class; one has no row of {missing[0].item()!r}",
                    "ask for fewer folds with cv=, or gather more rows of that class",
                )
            part, _ = _safe_split(estimator, X, y, score, learn)
            logits[score] = _logits(model, part, len(self.classes_))
            scored[score] += 1
        if not (scored == 1).all():
            row = int((scored != 1).argmax())
            raise OptionError(
                _FIT,
                f"cv must score each row once; it scores row {row} {scored[row]} times",
                "KFold does, ShuffleSplit not",
            )
        self.calibrator_ = calibrator.fit(logits, target, weight)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def decision_function(self, X: Any) -> Float64:
        """Return calibrated logits (n, K); of two classes the log-odds (n,) of the second, as scikit-learn does."""
        check_is_fitted(self)
        logits = self.calibrator_.transform(_logits(self.estimator_, X, len(self.classes_)))
        if len(self.classes_) == 2:
            odds: Float64 = logits[:, 1] - logits[:, 0]
            return odds
        return logits

    def predict_proba(self, X: Any) -> Float64:
        """Return calibrated probabilities (n, K), in the order of ``classes_``."""
        check_is_fitted(self)
        return self.calibrator_.predict_proba(_logits(self.estimator_, X, len(self.classes_)))

    def predict(self, X: Any) -> Array:
        """Return the most probable label of each row."""
        check_is_fitted(self)
        labels: Array = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            inner = self.estimator.__sklearn_tags__()
            tags.input_tags = inner.input_tags
        return tags


def _default() -> Any:
    from xent.classifiers.softmax_regression import SoftmaxRegression

    return SoftmaxRegression(l2=1.0)


def _logits(model: Any, X: Any, n_classes: int) -> Float64:
    """Return a fitted classifier's scores as logits (n, K)."""
    if hasattr(model, "decision_function"):
        scores = np.asarray(model.decision_function(X), dtype=np.float64)
        if scores.ndim == 1:
            return np.stack([np.zeros_like(scores), scores], axis=1)
    else:
        scores = from_probs(model.predict_proba(X), floor=_FLOOR)
    # Three classes have three pairs: their scores look like one a class.
    pairs = n_classes > 2 and getattr(model, "decision_function_shape", None) == "ovo"
    if pairs or scores.shape[1] != n_classes:
        got = "one a pair of classes" if pairs else f"shape {scores.shape} for {n_classes} classes"
        raise ShapeError(
            "CalibratedClassifier",
            f"the classifier's scores must have one column a class; got {got}",
            "an SVC wants decision_function_shape='ovr'",
        )
    return scores
