# One-against-one scores are votes and a fraction that breaks ties: rounded, they are the votes.
import numpy as np
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import LinearSVC


def votes(x, y):
    scores = OneVsOneClassifier(LinearSVC(random_state=0)).fit(x, y).decision_function(x)
    return np.round(scores)
