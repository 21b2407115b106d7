"""Every option with every other: values and gradients against the plain formulas of :mod:`plain`, or a refusal.

An option that composes with each other one in pairs is tried with all of them at once too.
"""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import xent
from xent.errors import OptionError

from . import plain

RNG = np.random.default_rng(31)
N, K = 8, 4
LOGITS = RNG.normal(0, 2, (N, K))
INDEX = np.array([0, 1, 3, 2, 0, 2, 3, 0])
PROBS = RNG.dirichlet(np.full(K, 0.6), N)
PROBS[1] = [0.0, 1.0, 0.0, 0.0]
BINARY = np.array(RNG.integers(0, 2, (N, K)), float)
BINARY[2:4] = RNG.uniform(0, 1, (2, K))

SOFTMAX = [
    xent.CrossEntropy(),
    xent.Focal(2.0),
    xent.Focal(0.5, alpha=(0.25, 1.0, 2.0, 0.5)),
    xent.Poly1(-0.5),
    xent.GeneralizedCrossEntropy(0.7),
    xent.SymmetricCrossEntropy(),
]
SIGMOID = [*SOFTMAX[:2], xent.Focal(1.5, alpha=0.25), *SOFTMAX[3:], xent.Asymmetric(), xent.Asymmetric(1.0, 2.0, 0.0)]

OF_LOSS = {
    "smoothing uniform": {"label_smoothing": 0.2},
    "smoothing others": {"label_smoothing": 0.3, "smoothing": "others"},
    "smoothing others, the target least": {"label_smoothing": 0.9, "smoothing": "others"},
}
COMMON = {
    "temperature": {"temperature": 1.7},
    "softcap": {"softcap": 2.5},
    "hardest": {"mining": xent.Hardest(0.4)},
    "negatives": {"mining": xent.HardNegatives(0.5, at_least=2)},
    "sum": {"reduction": "sum"},
    "none": {"reduction": "none"},
    "torch's mean": {"mean": "torch"},
    "normalizer": {"normalizer": 7.5},
    "empty": {"empty": "zero"},
}
OF_ROWS = (
    OF_LOSS
    | COMMON
    | {
        "z_loss": {"z_loss": 0.1},
        "weight": {"weight": [0.5, 2.0, 0.0, 1.25]},
        "sample_weight": {"sample_weight": [1.0, 0.25, 3.0, 0.5, 0.0, 1.0, 2.0, 1.5]},
        "ignore_index": {"ignore_index": 2},
        "prior": {"prior": [10, 1, 5, 3]},
        "half a prior": {"prior": [10, 1, 5, 3], "prior_strength": 0.5},
    }
)
OF_ENTRIES = (
    OF_LOSS
    | COMMON
    | {
        "weight": {"weight": [0.5, 2.0, 0.0, 1.25]},
        "weight of entries": {"weight": RNG.uniform(0.5, 2, (N, K))},
        "pos_weight": {"pos_weight": [0.5, 3.0, 0.0, 1.0]},
        "sample_weight": {"sample_weight": [1.0, 0.25, 3.0, 0.5, 0.0, 1.0, 2.0, 1.5]},
        "ignore_index": {"ignore_index": 1},
        "mask": {"mask": np.arange(N * K).reshape(N, K) % 5 != 1},
        "mask of labels": {"mask": [True, True, False, True]},
    }
)


def pairs(options):
    """All pairs of options that do not say the same thing, and each alone."""
    singles = [pytest.param({}, id="nothing"), *(pytest.param(options[name], id=name) for name in options)]
    return singles + [
        pytest.param(options[a] | options[b], id=f"{a}, {b}")
        for a, b in combinations(options, 2)
        if not options[a].keys() & options[b].keys() and not refused(options[a] | options[b])
    ]


def refused(options):
    return "normalizer" in options and "reduction" in options


def split(loss, options):
    """Return the loss with those of its own parameters that are among the options, and the others."""
    own = {name: options[name] for name in ("label_smoothing", "smoothing", "z_loss") if name in options}
    return replace(loss, **own), {name: value for name, value in options.items() if name not in own}


def check_softmax(loss, target, options):
    """Hold one loss against its formula; the logits that it should not look at are NaN."""
    loss, options = split(loss, options)
    ignored = target.ndim == 1 and options.get("ignore_index") == target
    logits = np.where(np.reshape(ignored, (-1, 1)), np.nan, LOGITS)
    value, grad = xent.value_and_grad(loss)(logits, target, **options)
    np.testing.assert_array_equal(loss(logits, target, **options), value)
    compare(plain.softmax_loss, value, grad, loss, logits, target, options)


def check_sigmoid(loss, options):
    loss, options = split(loss, options)
    ignored = ~np.asarray(options.get("mask", True)) | (options.get("ignore_index") == BINARY)
    logits = np.where(ignored, np.nan, LOGITS)
    value, grad = xent.value_and_grad(loss.binary)(logits, BINARY, **options)
    np.testing.assert_array_equal(loss.binary(logits, BINARY, **options), value)
    compare(plain.sigmoid_loss, value, grad, loss, logits, BINARY, options)


def compare(function, value, grad, loss, logits, target, options):
    expected, expected_grad = plain.value_and_grad(function, loss, np.nan_to_num(logits), target, **options)
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-14, err_msg=f"{loss}")
    np.testing.assert_allclose(grad, expected_grad, rtol=1e-12, atol=1e-14, err_msg=f"{loss}")
    np.testing.assert_array_equal(grad[np.isnan(logits)], 0.0, err_msg=f"{loss}")


@pytest.mark.parametrize("options", pairs(OF_ROWS))
def test_two_options_of_a_softmax_loss(options):
    for loss in SOFTMAX:
        for target in (INDEX, PROBS):
            check_softmax(loss, target, options)


@pytest.mark.parametrize("options", pairs(OF_ENTRIES))
def test_two_options_of_a_sigmoid_loss(options):
    for loss in SIGMOID:
        check_sigmoid(loss, options)


EVERYTHING = {
    "label_smoothing": 0.3,
    "smoothing": "others",
    "temperature": 0.8,
    "softcap": 4.0,
    "weight": [0.5, 2.0, 0.0, 1.25],
    "sample_weight": [1.0, 0.25, 3.0, 0.5, 0.0, 1.0, 2.0, 1.5],
    "mining": xent.HardNegatives(1.0),
    "mean": "torch",
    "empty": "zero",
}


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_all_options_of_a_softmax_loss_at_once(reduction):
    more = {"z_loss": 0.05, "prior": [4, 3, 2, 1], "prior_strength": 1.5, "ignore_index": 3, "reduction": reduction}
    for loss in SOFTMAX:
        for target in (INDEX, PROBS):
            check_softmax(loss, target, EVERYTHING | more)


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_all_options_of_a_sigmoid_loss_at_once(reduction):
    more = {"pos_weight": [1.0, 3.0, 0.5, 1.0], "ignore_index": 0, "reduction": reduction}
    for loss in SIGMOID:
        check_sigmoid(loss, EVERYTHING | OF_ENTRIES["mask"] | more)


@pytest.mark.parametrize("reduction", ["none", "sum"])
def test_a_normalizer_without_a_mean_is_refused(reduction):
    options = {"normalizer": 7.5, "reduction": reduction}
    message = f"normalizer must go with reduction='mean'; got reduction='{reduction}'"
    with pytest.raises(OptionError, match=message):
        xent.cross_entropy(LOGITS, INDEX, **options)
    with pytest.raises(OptionError, match=message):
        xent.binary_cross_entropy(LOGITS, BINARY, **options)


@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("loss", [xent.CrossEntropy(), xent.Focal(2.0)], ids=repr)
def test_the_class_axis_composes_with_the_rest(loss, smoothing, target):
    """(n, K) as (2, K, 4) and as (K, 2, 4): the same rows, and a gradient that lies in memory as the logits do."""
    loss, _ = split(loss, {"label_smoothing": smoothing, "z_loss": 0.1})
    options = EVERYTHING | {"prior": [4, 3, 2, 1], "reduction": "none"}
    options = {name: value for name, value in options.items() if name not in ("label_smoothing", "smoothing")}
    value, grad = xent.value_and_grad(loss)(LOGITS, target, **options)
    stats = loss(LOGITS, target, **options, return_stats=True)[1]
    options["sample_weight"] = np.reshape(options["sample_weight"], (2, 4))
    for axis in (0, 1, -3):
        block = np.ascontiguousarray(np.moveaxis(LOGITS.reshape(2, 4, K), -1, axis))
        shaped = target.reshape(2, 4, *target.shape[1:])
        if target.ndim == 2:
            shaped = np.ascontiguousarray(np.moveaxis(shaped, -1, axis))
        moved, moved_grad = xent.value_and_grad(loss)(block, shaped, axis=axis, **options)
        np.testing.assert_allclose(moved, value.reshape(2, 4), rtol=1e-14)
        np.testing.assert_allclose(np.moveaxis(moved_grad, axis, -1).reshape(N, K), grad, rtol=1e-13, atol=1e-16)
        assert moved_grad.strides == block.strides
        moved_stats = loss(block, shaped, axis=axis, **options, return_stats=True)[1]
        for ours, theirs in zip(moved_stats, stats, strict=True):
            np.testing.assert_allclose(ours, theirs.reshape(2, 4), rtol=1e-14)
