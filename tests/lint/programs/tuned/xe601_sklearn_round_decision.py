# scikit-learn: an SVM's margins are rounded as if they were probabilities before accuracy_score.
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import accuracy_score
from sklearn.svm import LinearSVC

X, y = make_classification(random_state=1)
svm = LinearSVC().fit(X, y)
margin = svm.decision_function(X)
print(accuracy_score(y, np.clip(np.round(margin), 0, 1)))  # expect: XE601
print(accuracy_score(y, svm.predict(X)))
