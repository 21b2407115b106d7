"""What every measure of calibration does with its arguments, over the list of all: one property a test."""

import re

import numpy as np
import pytest

from xent import DtypeError, OptionError, ShapeError, TargetError
from xent.calibration import (
    CalibrationError,
    ReliabilityDisplay,
    calibration_error,
    corp,
    ece,
    ks_test,
    kuiper_test,
    mce,
    murphy_diagram,
    risk_coverage,
    smooth_ece,
    spiegelhalter_test,
)


def estimates(*found):
    return [number for each in found for number in (each.value, each.low, each.high, each.n)]


def binned_error(found):
    return [*estimates(found.ece), found.debiased, found.squared, found.null_95, found.p_value, found.mce]


def numbers(display):
    return np.concatenate([display.prob_true, display.prob_pred, display.band_low, display.band_high])


#: Name → (kinds, the numbers that do not depend on the unit of the weights).
MEASURES = {
    "ece": (3, lambda y, p, kind, **more: ece(y, p, kind=kind, debiased=True, **more)),
    "mce": (3, lambda y, p, kind, **more: mce(y, p, kind=kind, strategy="mass", **more)),
    "calibration_error": (3, lambda y, p, kind, **more: binned_error(calibration_error(y, p, kind=kind, **more))),
    "CalibrationError.update": (
        3,
        lambda y, p, kind, sample_weight=None: binned_error(
            CalibrationError(kind=kind).update(y, p, sample_weight).compute()
        ),
    ),
    "smooth_ece": (
        3,
        lambda y, p, kind, **more: (lambda found: [*estimates(found.smooth_ece), found.null_95, found.p_value])(
            smooth_ece(y, p, kind=kind, **more)
        ),
    ),
    "corp": (
        3,
        lambda y, p, kind, **more: (lambda found: [found.score, found.miscalibration, found.uncertainty, found.n])(
            corp(y, p, kind=kind, **more)
        ),
    ),
    **{
        test.__name__: (
            2,
            lambda y, p, kind, test=test, **more: (lambda found: [found.deviation, found.p_value, found.n])(
                test(y, p, kind=kind, **more)
            ),
        )
        for test in (ks_test, kuiper_test, spiegelhalter_test)
    },
    "murphy_diagram": (2, lambda y, p, kind, **more: murphy_diagram(y, p, kind=kind, **more).scores),
    "ReliabilityDisplay": (
        2,
        lambda y, p, kind, **more: numbers(ReliabilityDisplay.from_predictions(y, p, kind=kind, **more)),
    ),
    "risk_coverage": (
        1,
        lambda y, p, kind, **more: (lambda found: estimates(found.aurc, found.excess_aurc))(
            risk_coverage(y, p, **more)
        ),
    ),
}
CASES = [
    pytest.param(name, measure, kind, id=f"{name}-{kind}")
    for name, (kinds, measure) in MEASURES.items()
    for kind in ("top-label", "binary", "classwise")[:kinds]
]
every = pytest.mark.parametrize(("name", "measure", "kind"), CASES)


@pytest.fixture(autouse=True)
def without_drawing(monkeypatch):
    monkeypatch.setattr("xent.calibration.diagrams._has_matplotlib", lambda: False)


def rows(kind, n=150):
    random = np.random.default_rng(0)
    if kind == "binary":
        p = random.random(n)
        return (random.random(n) < p**2).astype(int), p
    p = random.dirichlet([1.0, 1.0, 1.0], n)
    return (random.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(0, 2), p


@every
def test_the_unit_of_weights_does_not_matter(name, measure, kind):
    y, p = rows(kind)
    weight = np.random.default_rng(1).integers(1, 5, len(y)).astype(float)
    expected = measure(y, p, kind, sample_weight=weight)
    for unit in (2.0**-300, 3.0, 2.0**300):
        np.testing.assert_allclose(measure(y, p, kind, sample_weight=weight * unit), expected, rtol=1e-6, atol=1e-9)


@every
def test_weights_whose_squares_are_no_numbers_are_refused(name, measure, kind):
    """Of weights of 1e-200 the squares are 0: a test that divides by their root finds what it likes."""
    y, p = rows(kind)
    for wrong in (1e-200, 1e101):
        weight = np.where(np.arange(len(y)) == 3, wrong, 1.0)
        with pytest.raises(
            OptionError, match=rf"^{re.escape(name)}: sample_weight must be 0 or lie in \[1e-100, 1e100\]"
        ):
            measure(y, p, kind, sample_weight=weight)


@every
def test_numbers_count_however_they_lie(name, measure, kind):
    y, p = rows(kind)
    p = np.float32(np.round(p * 64) / 64) if kind == "binary" else p  # the same number in every dtype
    expected = measure(y, p, kind)
    twice = np.repeat(np.repeat(p, 2, axis=0), 2, axis=-1)[::2, ::2] if p.ndim == 2 else np.repeat(p, 2)[::2]
    for other in (p.tolist(), np.asfortranarray(p), twice):
        np.testing.assert_array_equal(measure(y, other, kind), expected)
    for label in (y.tolist(), y.astype(np.uint8), np.repeat(y, 3)[::3], *([y == 1] if kind == "binary" else [])):
        np.testing.assert_array_equal(measure(label, p, kind), expected)
    if kind == "binary":
        np.testing.assert_allclose(measure(y, p.astype(np.float16), kind), expected, rtol=1e-12)


@every
def test_what_is_wrong_is_said_of_the_function(name, measure, kind):
    y, p = rows(kind)
    flat = "shape" if kind != "binary" else "class indices"  # of swapped arguments
    for label, probs, error, words in (
        (p, y, (ShapeError, DtypeError), flat),
        (y[:-1], p, ShapeError, r"y_true must have shape \(150,\), one class index a row of y_prob; got \(149,\)"),
        (y[:, None], p, ShapeError, r"y_true must have shape \(150,\), .*got \(150, 1\)"),
        (y.astype(float), p, DtypeError, "y_true must be class indices, integers; got dtype float64"),
        (y.astype(str), p, DtypeError, "y_true must be class indices, integers; got dtype <U"),
        (np.where(y == 0, -100, y), p, TargetError, r"y_true must lie in \[0, .\]; got -100 at row"),
        (y, p * 3.0, (OptionError, TargetError), r"y_prob must (lie in \[0, 1\]|be non-negative and sum to 1)"),
        (y, np.log(p), (OptionError, TargetError), r"y_prob must (lie in \[0, 1\]|be non-negative and sum to 1)"),
        (y, np.where(p == p[7], np.nan, p), (OptionError, TargetError), "y_prob must .* got nan at row 7 "),
        (y, p[None], ShapeError, "y_prob must have shape"),
        (y, p.astype(str), DtypeError, "y_prob must be real numbers"),
    ):
        with pytest.raises(error, match=rf"(?s)^{re.escape(name)}: .*{words}"):
            measure(label, probs, kind)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_seeds_are_checked(seed):
    y, p = rows("binary")
    for name, call in (
        ("calibration_error", lambda: calibration_error(y, p, kind="binary", seed=seed)),
        ("CalibrationError.compute", lambda: CalibrationError(kind="binary").compute(seed)),
        ("smooth_ece", lambda: smooth_ece(y, p, seed=seed)),
        ("ReliabilityDisplay", lambda: ReliabilityDisplay.from_predictions(y, p, method="corp", seed=seed)),
    ):
        with pytest.raises(OptionError, match=rf"^{name}: seed must be an integer in \[0, 2\^63\); got {seed}"):
            call()


def test_rounded_probabilities_are_told_what_to_do():
    with pytest.raises(
        TargetError, match=r"got a sum of 0\.999 at row 0 .*\n\nhint: rounded probabilities: divide each"
    ):
        ece([0], [[0.333, 0.333, 0.333]])
