# SciPy's softmax without an axis is over all entries, and says so; of one row that is right.
import numpy as np
from scipy import special


def expected(row):
    p = special.softmax([0.5, 0.0])
    return p @ np.asarray(row), special.softmax(row)
