# scikit-learn: decision_function is a score with its border at 0, and 0.5 is the border of predict_proba.
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


def main(X, y):
    X_tr, X_te, y_tr, y_te = train_test_split(X, y, random_state=1)
    clf = LogisticRegression(max_iter=1000).fit(X_tr, y_tr)
    scores = clf.decision_function(X_te)
    alarms = scores > 0.5  # expect: XE308
    print("alarms", int(alarms.sum()))
