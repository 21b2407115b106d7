"""Linear classifiers on xent's losses, in scikit-learn's protocol."""

from xent.classifiers.softmax_regression import SoftmaxRegression

__all__ = ["SoftmaxRegression"]
