"""The curve of every loss, and its slope, against 400 digits: from nll = 1e-300 to 1e3, at 0 and at infinity.

A loss is registered with its formula here, as a function of the nll written with p = exp(-nll).
"""

import math

import mpmath
import numpy as np
import pytest

import xent
from xent.losses import LOSSES, Asymmetric, CrossEntropy, Focal, GeneralizedCrossEntropy, Poly1, SymmetricCrossEntropy

mp = mpmath.mp.clone()
mp.dps = 400
EPS = 2.0**-52
inf = math.inf

NLL = np.concatenate([10.0 ** np.arange(-300, -4, 8), np.geomspace(1e-4, 1e3, 60), [0.5, 700.0, 745.2, 799.5, 800.5]])

#: Loss, its formula, (value, slope) at nll = 0 and at nll = inf.
CURVES = [
    (CrossEntropy(), lambda x: x, (0, 1), (inf, 1)),
    *[
        (Focal(gamma), lambda x, g=gamma: (1 - mp.exp(-x)) ** mp.mpf(g) * x, (0, float(gamma == 0)), (inf, 1))
        for gamma in (0, 0.5, 1, 2, 5)
    ],
    (Poly1(), lambda x: x + (1 - mp.exp(-x)), (0, 2), (inf, 1)),
    (Poly1(-0.5), lambda x: x - (1 - mp.exp(-x)) / 2, (0, 0.5), (inf, 1)),
    *[
        (GeneralizedCrossEntropy(float(q)), lambda x, q=q: (1 - mp.exp(-q * x)) / q, (0, 1), (float(1 / q), 0))
        for q in map(mp.mpf, (0.01, 0.7, 1.0))
    ],
    (SymmetricCrossEntropy(), lambda x: mp.mpf(0.1) * x + 4 * (1 - mp.exp(-x)), (0, 4.1), (inf, 0.1)),
    (SymmetricCrossEntropy(0.0, 0.5, -2.0), lambda x: 1 - mp.exp(-x), (0, 1), (1, 0)),
    (Asymmetric(2.0), lambda x: (1 - mp.exp(-x)) ** 2 * x, (0, 0), (inf, 1)),
]
#: The same of the negative label, where it has its own: r = max(p - m, 0) of the positive label's p = 1 - exp(-nll).
NEGATIVE = [
    (
        Asymmetric(gamma_neg=gamma, margin=margin),
        lambda x, gamma=gamma, margin=margin: shifted(max(1 - mp.exp(-x) - mp.mpf(margin), mp.mpf(0)), mp.mpf(gamma)),
        (0, float(margin == 0 and gamma == 0)),
        (inf, 1) if margin == 0 else ((1 - margin) ** gamma * -math.log(margin), 0),
    )
    for gamma, margin in [(4.0, 0.05), (0.5, 0.3), (1.0, 0.0), (0.0, 0.0), (0.0, 0.2), (2.0, 0.9)]
]


@pytest.mark.parametrize(("loss", "formula"), [case[:2] for case in CURVES], ids=lambda each: str(each)[:60])
def test_the_terms_that_kernels_are_given_are_the_formula(loss, formula):
    if loss.curve_terms is None:
        assert type(loss) is Asymmetric
        return
    a, b, q, c, gamma = map(mp.mpf, loss.curve_terms)
    for nll in map(mp.mpf, ("1e-9", "0.1", "2", "30")):
        p = mp.exp(-nll)
        terms = a * nll + b * (1 - p**q) / q + c * (1 - p) ** gamma * nll
        assert float(abs(terms - formula(nll)) / formula(nll)) < 4 * EPS


def shifted(r, gamma):
    return -(r**gamma) * mp.log(1 - r) if r > 0 else mp.mpf(0)


def test_every_loss_has_its_formula_here():
    assert {type(loss) for loss, *_ in CURVES} == set(LOSSES.values())


def relative_error(actual, expected):
    """Return the largest, in units of 2^-52; what a float64 cannot hold (below 1e-300) counts as 0."""
    errors = [0.0]
    for ours, exact in zip(actual, expected, strict=True):
        if abs(exact) < mp.mpf("1e-300"):
            assert abs(ours) <= 1e-299
        else:
            errors.append(float(abs(mp.mpf(float(ours)) - exact) / abs(exact)) / EPS)
    return max(errors)


def exactly(formula, nll):
    points = [mp.mpf(float(x)) for x in nll]
    return [formula(x) for x in points], [mp.diff(formula, x, h=x * mp.mpf(10) ** -100) for x in points]


@pytest.mark.parametrize(("loss", "formula", "at_zero", "at_infinity"), CURVES)
def test_curve(loss, formula, at_zero, at_infinity):
    curve = loss.curve(NLL)
    value, slope = exactly(formula, NLL)
    assert relative_error(curve.value, value) <= 4
    # A slope that falls like exp(-q nll) has the rounding of its exponent.
    exponent = loss.q * 745 if isinstance(loss, GeneralizedCrossEntropy) else 0
    if isinstance(loss, SymmetricCrossEntropy) and loss.alpha == 0:
        exponent = 745
    assert relative_error(curve.slope, slope) <= 4 + exponent
    np.testing.assert_allclose(loss.curve(np.array([0.0, inf])), np.transpose([at_zero, at_infinity]), rtol=1e-15)


@pytest.mark.parametrize(("loss", "formula", "at_zero", "at_infinity"), NEGATIVE)
def test_negative_curve(loss, formula, at_zero, at_infinity):
    nll = NLL[NLL < 700]  # beyond, the slope of a bounded loss is below what float64 holds
    curve = loss.negative_curve(nll)
    value, slope = exactly(formula, nll)
    assert relative_error(curve.value, value) <= 8 + (64 if loss.margin else 0)  # p - m cancels at the margin
    assert relative_error(curve.slope, slope) <= 8 + (1000 if loss.margin else 0)
    ends = loss.negative_curve(np.array([0.0, inf]))
    np.testing.assert_allclose(ends, np.transpose([at_zero, at_infinity]), rtol=1e-14)


@pytest.mark.parametrize("loss", [loss for loss, *_ in CURVES + NEGATIVE], ids=repr)
def test_curves_of_what_is_no_number(loss):
    nan = np.array([math.nan])
    assert np.isnan(loss.curve(nan).value)
    assert np.isnan(loss.negative_curve(nan).value)


@pytest.mark.parametrize("loss", [loss for loss, *_ in CURVES], ids=repr)
def test_curves_are_zero_for_certainty_and_rise(loss):
    nll = np.concatenate([[0.0], np.sort(NLL), [inf]])
    value, slope = loss.curve(nll)
    assert value[0] == 0.0
    assert (np.diff(value[:-1]) >= 0).all()
    assert (slope >= 0).all()


@pytest.mark.parametrize(
    ("loss", "other"),
    [
        (Focal(0.0), CrossEntropy()),
        (Poly1(0.0), CrossEntropy()),
        (SymmetricCrossEntropy(1.0, 0.0), CrossEntropy()),
        (Asymmetric(2.0, 2.0, 0.0), Focal(2.0)),
        (Asymmetric(0.0, 0.0, 0.0), CrossEntropy()),
    ],
)
def test_losses_that_are_others_in_a_limit(loss, other):
    for ours, theirs in ((loss.curve, other.curve), (loss.negative_curve, other.negative_curve)):
        np.testing.assert_allclose(ours(NLL), theirs(NLL), rtol=4 * EPS)


@pytest.mark.parametrize(
    ("loss", "p", "value"),
    [
        # by hand, from the formulas of the papers
        (Focal(2.0), 0.9, 0.01 * 0.105360515657826),
        (Focal(2.0, alpha=(0.25, 0.75)), 0.9, 0.25 * 0.01 * 0.105360515657826),
        (Poly1(2.0), 0.9, 0.105360515657826 + 0.2),
        (GeneralizedCrossEntropy(1.0), 0.9, 0.1),
        (SymmetricCrossEntropy(0.5, 2.0, -4.0), 0.9, 0.5 * 0.105360515657826 + 2.0 * 4.0 * 0.1),
    ],
)
def test_a_prediction_of_p_costs(loss, p, value):
    logits = [[math.log(p), math.log(1 - p)]]
    assert loss(logits, [0]) == pytest.approx(value, rel=1e-14, abs=0)
    if not isinstance(getattr(loss, "alpha", None), tuple):
        assert loss.binary([xent.logit(p)], [1]) == pytest.approx(value, rel=1e-14, abs=0)
        assert loss.binary([-xent.logit(p)], [0]) == pytest.approx(value, rel=1e-14, abs=0)


def test_the_asymmetric_loss_forgets_easy_negatives():
    loss = Asymmetric(gamma_neg=2.0, margin=0.1)
    z = xent.logit([0.05, 0.1 - 1e-9, 0.5])
    value, grad = xent.value_and_grad(loss.binary)(z, [0, 0, 0], reduction="none")
    np.testing.assert_array_equal(value[:2], 0.0)
    np.testing.assert_array_equal(grad[:2], 0.0)
    assert value[2] == pytest.approx(0.4**2 * -math.log(0.6), rel=1e-14, abs=0)


@pytest.mark.parametrize("gamma", [0.25, 0.5, 0.999, 1.5])
def test_a_focal_gradient_is_finite_where_the_prediction_is_certain(gamma):
    """The usual formula, (1-p)^(γ-1), is inf · 0 there."""
    z = np.array([[0.0, -1e3], [0.0, -40.0], [0.0, -1e-9], [0.0, 1e3], [0.0, -inf]])
    value, grad = xent.value_and_grad(Focal(gamma))(z, [0] * 5, reduction="none")
    assert np.isfinite(value).all()
    assert np.isfinite(grad).all()
    np.testing.assert_array_equal(grad[[0, 4]], 0.0)
    value, grad = xent.value_and_grad(Focal(gamma).binary)([inf, 40.0, -1e3], [1, 1, 1], reduction="none")
    assert value[0] == grad[0] == 0.0
    assert grad[1] < 0
    assert grad[2] == -1.0
