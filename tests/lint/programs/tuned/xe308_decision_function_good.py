# scikit-learn: predict_proba against 0.5, decision_function against 0, and a tuned threshold on probabilities.
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score
from sklearn.model_selection import train_test_split

X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, stratify=y, random_state=0)
clf = LogisticRegression(max_iter=5000).fit(X_tr, y_tr)

scores = clf.predict_proba(X_te)[:, 1]
print("f1 at 0.5", f1_score(y_te, (scores >= 0.5).astype(int)))
margins = clf.decision_function(X_te)
print("f1 at 0", f1_score(y_te, margins > 0), "auc", roc_auc_score(y_te, margins))
prec, rec, thr = precision_recall_curve(y_tr, clf.predict_proba(X_tr)[:, 1])
best = thr[np.argmax(2 * prec[:-1] * rec[:-1] / (prec[:-1] + rec[:-1] + 1e-12))]
print("f1 tuned", f1_score(y_te, scores >= best))
