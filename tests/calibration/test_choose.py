"""The choice of a calibrator: cross-validated log loss, by hand; who wins where; what is refused."""

import re

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from xent import DtypeError, OptionError, ShapeError
from xent.calibration import (
    HistogramBinning,
    PlattScaling,
    StructuredScaling,
    TemperatureScaling,
    VectorScaling,
    best_calibrator,
    default_calibrator,
    fit_temperature,
    from_probs,
)
from xent.sampling import folds

from .cases import LABELS, ROWS, drawn


def biased(n, n_classes=4, seed=0):
    """Logits off by a constant a class: no temperature mends it, a bias does."""
    z, y = drawn(n, n_classes, temperature=2.0, seed=seed)
    return z + 3.0 * np.linspace(-1, 1, n_classes), y


def test_losses_are_those_of_rows_that_were_not_learnt_from():
    choice = best_calibrator(ROWS, LABELS, candidates=[TemperatureScaling()], n_folds=4, seed=3)
    losses = np.empty(len(ROWS))
    for learn, score in folds(LABELS, n_folds=4, seed=3):
        temperature = fit_temperature(ROWS[learn], LABELS[learn]).temperature
        losses[score] = -log_softmax(ROWS[score] / temperature, axis=1)[np.arange(len(score)), LABELS[score]]
    plain = -log_softmax(ROWS, axis=1)[np.arange(len(ROWS)), LABELS]
    (one,) = choice.candidates
    error = losses.std(ddof=1) / np.sqrt(len(losses))
    assert (one.nll.value, one.nll.n) == (pytest.approx(losses.mean(), rel=1e-9), 400)
    assert (one.nll.high - one.nll.low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)
    assert one.change.value == pytest.approx((losses - plain).mean(), rel=1e-9)
    paired = (losses - plain).std(ddof=1) / np.sqrt(len(losses))
    assert one.change.high - one.change.value == pytest.approx(1.959964 * paired, rel=1e-6)
    assert one.behind.value == 0.0
    assert choice.uncalibrated.value == pytest.approx(plain.mean(), rel=1e-12)
    assert choice.calibrator.temperature_ == pytest.approx(fit_temperature(ROWS, LABELS).temperature, rel=1e-9)


def test_weights_count_as_repetitions_in_the_means():
    weight = np.random.default_rng(0).integers(1, 4, len(ROWS))
    choice = best_calibrator(ROWS, LABELS, weight, candidates=[TemperatureScaling()])
    losses = np.empty(len(ROWS))
    for learn, score in folds(LABELS, n_folds=5, seed=0):
        temperature = fit_temperature(ROWS[learn], LABELS[learn], sample_weight=weight[learn]).temperature
        losses[score] = -log_softmax(ROWS[score] / temperature, axis=1)[np.arange(len(score)), LABELS[score]]
    assert choice.candidates[0].nll.value == pytest.approx(np.average(losses, weights=weight), rel=1e-9)


def test_where_classes_are_biased_the_structured_one_wins():
    choice = best_calibrator(*biased(3000))
    assert isinstance(choice.calibrator, StructuredScaling)
    by_name = {type(each.calibrator).__name__: each for each in choice.candidates}
    assert by_name["TemperatureScaling"].behind.low > 0.1


def test_the_default_stays_where_nothing_is_surely_better():
    z, y = drawn(3000, 4)
    choice = best_calibrator(z, y)
    assert isinstance(choice.calibrator, StructuredScaling)
    assert choice.candidates[0].change.high < 0
    few, labels = drawn(90, 4)
    assert isinstance(best_calibrator(few, labels).calibrator, TemperatureScaling)


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "kind"),
    [
        (99, 2, TemperatureScaling),
        (100, 2, StructuredScaling),
        (5000, 10, StructuredScaling),
        (1999, 100, TemperatureScaling),
        (100_000, 300, StructuredScaling),
        (10**7, 1000, TemperatureScaling),
    ],
)
def test_the_default_follows_rows_and_classes(n_rows, n_classes, kind):
    assert type(default_calibrator(n_rows, n_classes)) is kind


def test_it_is_chosen_by_log_loss_and_not_by_calibration_error():
    """One bin for all rows says the class shares: perfectly calibrated, and of no use."""
    z, y = drawn(4000, 3)
    choice = best_calibrator(z, y, candidates=[HistogramBinning(n_bins=1), TemperatureScaling()])
    assert isinstance(choice.calibrator, TemperatureScaling)
    assert choice.candidates[1].behind.low > 0.3


def test_groups_are_never_in_two_folds():
    """Each patient has one label and 20 equal rows: who sees a patient's rows knows the patient."""
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(60), 20)
    z = random.normal(size=60)[patient]
    y = random.integers(0, 2, 60)[patient]
    candidates = [HistogramBinning(n_bins=60, strategy="mass")]
    seen = best_calibrator(z, y, candidates=candidates)
    apart = best_calibrator(z, y, candidates=candidates, groups=patient)
    assert seen.candidates[0].nll.value < 0.2
    assert apart.candidates[0].nll.value > np.log(2)


def test_a_candidate_that_refuses_the_rows_says_why():
    z = from_probs(softmax(ROWS, axis=1))
    z[7, 2] = -np.inf
    y = np.where(LABELS == 2, 1, LABELS)
    choice = best_calibrator(z, y, candidates=[VectorScaling(), TemperatureScaling()])
    refused = choice.candidates[-1]
    assert type(refused.calibrator) is VectorScaling
    assert refused.reason.startswith("logits must be finite; got -inf at row")
    assert np.isnan(refused.nll.value)
    assert "logits must be finite" in str(choice)
    assert isinstance(choice.calibrator, TemperatureScaling)


def test_the_table_is_for_people():
    text = str(best_calibrator(*biased(600)))
    lines = text.splitlines()
    assert lines[0] == "log loss in nats, 5-fold cross-validated on 600 rows; 95 % intervals of differences"
    assert lines[3].startswith("none")
    assert sum("←" in line for line in lines) == 1
    assert lines[-2].startswith("chosen: ")
    assert "score the chosen one on rows that chose nothing" in lines[-1]


def test_columns_of_the_table_stand_apart_and_below_their_heads():
    long = StructuredScaling(form="vector", intercept=0.5, diagonal=0.25)
    lines = str(best_calibrator(*biased(600), candidates=[long, TemperatureScaling()])).splitlines()
    rows = [line for line in lines if "[" in line]
    assert len(rows) == 2 and len({line.rindex("]") for line in rows}) == 1
    for line in rows:
        assert re.fullmatch(r"\S.*\)  +\d\.\d{5}( {2,}[+-]\d\.\d{5} \[[+-]\d\.\d{5}, [+-]\d\.\d{5}\]){2}( ←)?", line)
    assert lines[2].endswith("behind the best") and len(lines[2]) == rows[0].rindex("]") + 1


def test_two_classes_may_come_as_one_logit():
    z, y = ROWS[:, 1] - ROWS[:, 0], (LABELS % 2)
    choice = best_calibrator(z, y, candidates=[PlattScaling(), TemperatureScaling()])
    assert choice.calibrator.transform(z).shape == z.shape


def test_what_no_candidate_takes_is_refused():
    z, y = from_probs([[1.0, 0.0]] * 10 + [[0.4, 0.6]] * 10), np.repeat([0, 1], 10)
    with pytest.raises(OptionError, match="a candidate must take these rows; got 1 that do not: logits must be finite"):
        best_calibrator(z, y, candidates=[VectorScaling()])
    with pytest.raises(OptionError, match="got 0 that do not: there is none"):
        best_calibrator(ROWS, LABELS, candidates=[])
    with pytest.raises(OptionError, match=r"^best_calibrator: n_folds must be an integer ≥ 2; got 1"):
        best_calibrator(ROWS, LABELS, n_folds=1)
    wrong = np.array([[0.0, -np.inf]] * 3 + [[0.0, 0.0]] * 30)
    with pytest.raises(OptionError, match="got 1 that do not: its loss is infinite"):
        best_calibrator(wrong, np.repeat([1, 0, 1], [3, 15, 15]), candidates=[TemperatureScaling()])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"groups": [1, 2]}, ShapeError, r"groups must have 400 rows; got shape \(2,\)"),
        ({"groups": 3}, ShapeError, r"groups must have 400 rows; got shape \(\)"),
        ({"groups": np.full(400, np.nan)}, OptionError, r"groups must have no missing values; got nan at row 0"),
        ({"groups": np.zeros(400)}, OptionError, r"n_folds must be at most the number of sets .* got 5 folds for 1"),
        ({"seed": -1}, OptionError, r"seed must be an integer in \[0, 2\^63\); got -1"),
        ({"candidates": [TemperatureScaling]}, DtypeError, r"candidates must be calibrators; got <class"),
        ({"candidates": ["temperature"]}, DtypeError, r"candidates must be calibrators; got 'temperature'"),
        ({"candidates": TemperatureScaling()}, DtypeError, r"candidates must be a list of calibrators; got Temp"),
        ({"candidates": []}, OptionError, r"a candidate must take these rows; got 0 that do not: there is none"),
    ],
)
def test_what_is_wrong_is_said_of_this_function(options, error, words):
    with pytest.raises(error, match=f"^best_calibrator: {words}"):
        best_calibrator(*biased(400), **options)
