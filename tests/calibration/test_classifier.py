"""Any scikit-learn classifier, calibrated by cross-fitting."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, cross_val_predict, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from xent import DtypeError, OptionError, ShapeError
from xent.calibration import CalibratedClassifier, TemperatureScaling, fit_temperature, from_probs

X, Y = make_classification(1500, 12, n_informative=8, n_classes=3, flip_y=0.1, random_state=0)


@parametrize_with_checks([CalibratedClassifier(LogisticRegression(), cv=3)])
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_the_calibrator_learns_from_scores_of_rows_that_their_classifier_has_not_seen():
    """Done by hand: the pooled cross-validated logits, one temperature, one classifier on all rows."""
    folds = StratifiedKFold(4, shuffle=True, random_state=1)
    model = CalibratedClassifier(LogisticRegression(), cv=folds).fit(X, Y)
    out_of_fold = cross_val_predict(LogisticRegression(), X, Y, cv=folds, method="decision_function")
    by_hand = fit_temperature(out_of_fold, Y).temperature
    assert model.calibrator_.temperature_ == pytest.approx(by_hand, rel=1e-9)
    every = LogisticRegression().fit(X, Y).decision_function(X)
    np.testing.assert_allclose(model.decision_function(X), every / by_hand, rtol=1e-12)


@pytest.mark.parametrize("estimator", [GaussianNB(), RandomForestClassifier(60, random_state=0), LinearSVC()])
def test_what_has_no_honest_probabilities_gets_them(estimator):
    train, test, y_train, y_test = train_test_split(X, Y, test_size=0.4, random_state=0)
    model = CalibratedClassifier(estimator).fit(train, y_train)
    ours = log_loss(y_test, model.predict_proba(test))
    if hasattr(estimator, "predict_proba"):
        plain = estimator.fit(train, y_train).predict_proba(test).clip(1e-7)
        assert ours < log_loss(y_test, plain / plain.sum(axis=1, keepdims=True))
    theirs = CalibratedClassifierCV(estimator, method="temperature", ensemble=False).fit(train, y_train)
    assert ours < log_loss(y_test, theirs.predict_proba(test)) + 2e-3


def test_two_classes_have_one_log_odds():
    features, y = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])[y]
    model = CalibratedClassifier(GaussianNB()).fit(features, names)
    np.testing.assert_array_equal(model.classes_, ["benign", "malignant"])
    probs = model.predict_proba(features)
    np.testing.assert_allclose(
        np.log(probs[:, 1] / probs[:, 0]), model.decision_function(features), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_array_equal(model.predict(features) == "malignant", model.decision_function(features) > 0)


def test_a_fitted_classifier_is_left_as_it_is():
    seen, held_out, y_seen, y_held_out = train_test_split(X, Y, test_size=0.5, random_state=0)
    classifier = GaussianNB().fit(seen, y_seen)
    model = CalibratedClassifier(FrozenEstimator(classifier), TemperatureScaling()).fit(held_out, y_held_out)
    by_hand = fit_temperature(from_probs(classifier.predict_proba(held_out), floor=1e-7), y_held_out)
    assert model.calibrator_.temperature_ == pytest.approx(by_hand.temperature, rel=1e-9)


def test_weights_reach_both():
    weight = np.random.default_rng(0).integers(0, 3, size=len(Y)).astype(float)
    classifier = FrozenEstimator(LogisticRegression().fit(X, Y))
    weighted = CalibratedClassifier(classifier).fit(X, Y, sample_weight=weight).calibrator_.temperature_
    logits = classifier.decision_function(X)
    assert weighted == pytest.approx(fit_temperature(logits, Y, sample_weight=weight).temperature, rel=1e-9)
    model = CalibratedClassifier(LogisticRegression()).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(
        model.estimator_.coef_, LogisticRegression().fit(X, Y, sample_weight=weight).coef_, rtol=1e-9
    )


def test_folds_that_cannot_be_are_refused():
    iris, y = load_iris(return_X_y=True)
    with pytest.raises(OptionError, match="every fold's classifier must see every class; one has no row of 0"):
        CalibratedClassifier(GaussianNB(), cv=KFold(3)).fit(iris, y)
    with pytest.raises(OptionError, match=r"cv must score each row once; it scores row \d+ [02] times"):
        CalibratedClassifier(GaussianNB(), cv=ShuffleSplit(2, random_state=0)).fit(iris, y)
    with pytest.raises(OptionError, match="y must hold two classes or more; got one class"):
        CalibratedClassifier(GaussianNB()).fit(iris, np.zeros(len(y)))


def test_scores_of_pairs_of_classes_are_not_taken_for_scores_of_classes():
    """Three classes have three pairs: by its shape alone a score of pairs passes, and says nothing of a class."""
    with pytest.raises(ShapeError, match=r"one column a class; got one a pair of classes\n\nhint: an SVC wants"):
        CalibratedClassifier(SVC(decision_function_shape="ovo")).fit(X[:150], Y[:150])
    two = Y[:150] % 2
    CalibratedClassifier(SVC(decision_function_shape="ovo")).fit(X[:150], two)  # of two there is one pair


def test_a_calibrator_is_an_object():
    with pytest.raises(DtypeError, match=r"fit: calibrator must be None or a calibrator; got <class"):
        CalibratedClassifier(GaussianNB(), TemperatureScaling).fit(X[:50], Y[:50])
