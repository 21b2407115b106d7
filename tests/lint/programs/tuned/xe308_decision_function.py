# scikit-learn: decision_function gives margins, so the border is 0; 0.5 is the border of predict_proba.
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split

X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, stratify=y, random_state=0)
clf = LogisticRegression(max_iter=5000).fit(X_tr, y_tr)

scores = clf.decision_function(X_te)
y_hat = (scores >= 0.5).astype(int)  # expect: XE308
print("f1", f1_score(y_te, y_hat))
