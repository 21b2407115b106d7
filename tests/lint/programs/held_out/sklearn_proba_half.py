# scikit-learn: predict_proba cut at 0.5, decision_function at 0, log_loss on probabilities: right.
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split


def main(X, y):
    X_tr, X_te, y_tr, y_te = train_test_split(X, y, random_state=1)
    clf = LogisticRegression(max_iter=1000, class_weight="balanced").fit(X_tr, y_tr)
    p = clf.predict_proba(X_te)[:, 1]
    alarms = p > 0.5
    same = clf.decision_function(X_te) > 0
    assert np.array_equal(alarms, same)
    print("alarms", int(alarms.sum()), "log loss", log_loss(y_te, p))
