# scikit-learn: log_loss, roc curves, a calibrated vote, and a threshold of one's own on probabilities: right.
import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss, precision_recall_curve
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC


def best_threshold(y, p):
    precision, recall, thr = precision_recall_curve(y, p)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return thr[np.argmax(f1[:-1])]


def main(X, y, X_val, y_val):
    svc = CalibratedClassifierCV(LinearSVC(), method="sigmoid").fit(X, y)
    mlp = MLPClassifier(hidden_layer_sizes=(64,), activation="logistic").fit(X, y)
    sgd = SGDClassifier(loss="log_loss").fit(X, y)
    p = (svc.predict_proba(X_val)[:, 1] + mlp.predict_proba(X_val)[:, 1]) / 2
    t = best_threshold(y_val, p)
    print(accuracy_score(y_val, p > t), accuracy_score(y_val, p > 0.5), log_loss(y_val, p))
    print(accuracy_score(y_val, sgd.decision_function(X_val) > 0))
