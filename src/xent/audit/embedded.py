"""The embedded example: UCI digits (in scikit-learn), a softmax regression, three splits."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from xent.audit.readers import ArraySource
from xent.classifiers import SoftmaxRegression

NAME = "UCI digits (embedded)"


def digits(seed: int = 0) -> ArraySource:
    """Return the logits of a softmax regression on the digits that it was not trained on.

    1797 images of 8 × 8 pixels are split, stratified by digit, into 40 % to train, 30 % to calibrate and 30 % to test.
    ``ink``, the mean darkness of an image (0 … 16), is there to slice by.

    Source: Alpaydin & Kaynak 1998 (doi:10.24432/C50P49).
    """
    images, label = load_digits(return_X_y=True)
    train, rest = train_test_split(np.arange(len(label)), train_size=0.4, stratify=label, random_state=seed)
    calibration, test = train_test_split(rest, train_size=0.5, stratify=label[rest], random_state=seed)
    model = SoftmaxRegression(l2=1e-3, tol=1e-8).fit(images[train] / 16.0, label[train])
    rows = np.concatenate([calibration, test])
    return ArraySource(
        model.decision_function(images[rows] / 16.0),
        label[rows],
        split=np.repeat(["calibration", "test"], [len(calibration), len(test)]),
        slices={"ink": images[rows].mean(axis=1)},
        name=NAME,
    )
