"""What every calibrator promises, over the list of all: one property a test."""

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone

from xent import DataError, DtypeError, OptionError, ShapeError, TargetError
from xent.calibration import (
    Calibrator,
    IsotonicCalibration,
    MatrixScaling,
    MultilabelTemperature,
    TemperatureScaling,
    VennAbers,
)

from .cases import BINARY_LABELS, BINARY_ROWS, CASES, LABELS, NEW, ROWS

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def fitted(case, **fit):
    return clone(case.calibrator).fit(case.logits, case.target, **fit)


def fitted_to(case, target):
    return clone(case.calibrator).fit(case.logits, target)


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def test_the_list_holds_every_calibrator():
    assert {type(case.calibrator).__name__ for case in CASES} == set(Calibrator._kinds)


@every
def test_printed_code_is_the_transform(case):
    calibrator = fitted(case)
    names = {}
    exec(calibrator.to_code(), names)
    close(names["calibrate"](case.new), calibrator.transform(case.new))


@every
def test_torch_module_is_the_transform(case):
    calibrator = fitted(case)
    module = calibrator.to_torch()
    close(module(torch.tensor(case.new)).numpy(), calibrator.transform(case.new))
    single = module(torch.tensor(case.new, dtype=torch.float32))
    assert single.dtype == torch.float32
    restored = fitted(case).to_torch()
    restored.load_state_dict(module.state_dict())
    close(restored(torch.tensor(case.new)).numpy(), calibrator.transform(case.new))


@every
def test_json_keeps_every_bit(case, tmp_path):
    calibrator = fitted(case)
    calibrator.save(tmp_path / "calibrator.json")
    again = Calibrator.load(tmp_path / "calibrator.json")
    assert type(again) is type(calibrator)
    assert again.get_params() == calibrator.get_params()
    assert again.rows_ == calibrator.rows_ == len(case.logits)
    np.testing.assert_array_equal(again.transform(case.new), calibrator.transform(case.new))
    assert again.to_dict() == calibrator.to_dict()


@every
def test_a_clone_is_unfitted_and_alike(case):
    calibrator = fitted(case)
    for other in (clone(calibrator), calibrator.clone()):
        assert other.get_params() == calibrator.get_params()
        with pytest.raises(OptionError, match="must be fitted first"):
            other.transform(case.new)


@every
def test_fitting_leaves_its_arguments_alone(case):
    logits, target = case.logits.copy(), case.target.copy()
    fitted(case).transform(logits)
    np.testing.assert_array_equal(logits, case.logits)
    np.testing.assert_array_equal(target, case.target)


@every
def test_whole_weights_are_repetitions(case):
    times = np.random.default_rng(5).integers(0, 4, size=len(case.logits))
    weighted = fitted(case, sample_weight=times)
    repeated = clone(case.calibrator).fit(case.logits.repeat(times, axis=0), case.target.repeat(times, axis=0))
    close(weighted.predict_proba(case.new), repeated.predict_proba(case.new), 1e-6)


@every
def test_ignored_rows_are_as_if_not_there(case):
    target = case.target.copy()
    target[::3] = -100
    kept = np.arange(len(target)) % 3 != 0
    without = clone(case.calibrator).fit(case.logits[kept], case.target[kept])
    close(clone(case.calibrator).fit(case.logits, target).transform(case.new), without.transform(case.new), 1e-9)


@every
def test_single_precision_gives_the_same_numbers(case):
    single = case.logits.astype(np.float32)
    calibrator = clone(case.calibrator).fit(single, case.target)
    same = clone(case.calibrator).fit(single.astype(np.float64), case.target)
    close(calibrator.predict_proba(case.new), same.predict_proba(case.new), 1e-5)
    assert calibrator.transform(case.new.astype(np.float32)).dtype == np.float64


@every
def test_it_does_what_it_is_for(case):
    """The labels were drawn with T = 2: the loss falls to near what T = 2 has, and probabilities add up."""
    calibrator = fitted(case)
    probs, halved = calibrator.predict_proba(case.logits), case.logits / 2.0
    if probs.shape == case.target.shape:  # several labels
        truth = 1.0 / (1.0 + np.exp(-halved))
        at, best = (np.where(case.target == 1, p, 1 - p) for p in (probs, truth))
        given = np.where(case.target == 1, 1, -1) * case.logits
        given = np.exp(-np.logaddexp(0.0, -given))
    else:
        np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-12)
        z = case.logits if case.logits.ndim == 2 else np.stack([0 * case.logits, case.logits], axis=1)
        rows = np.arange(len(z))

        def softmax(z):
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)

        at, best, given = (p[rows, case.target] for p in (probs, softmax(z / 2.0), softmax(z)))
    loss, least, uncalibrated = (-np.log(p).mean() for p in (at, best, given))
    assert loss < least + 0.25 * (uncalibrated - least)


@every
def test_a_row_of_nan_stays_nan(case):
    new = case.new.copy()
    new[3] = np.nan
    calibrator = fitted(case)
    result = calibrator.transform(new)
    assert np.isnan(result[3]).all()
    rest = np.arange(len(new)) != 3
    np.testing.assert_array_equal(result[rest], calibrator.transform(case.new)[rest])


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_without_a_distribution_are_refused_by_their_number(case, bad):
    logits, target = case.logits.copy(), case.target.copy()
    target[0] = -100  # numbers are those of the caller's rows
    sigmoid = case.logits.ndim == 1 or isinstance(case.calibrator, MultilabelTemperature)
    if bad == np.inf and sigmoid:
        bad = np.nan  # a sigmoid has a limit at +inf
    logits[17] = bad
    with pytest.raises(
        OptionError, match=rf"{type(case.calibrator).__name__}.fit: logits must .*got {bad:g} at row 17"
    ):
        clone(case.calibrator).fit(logits, target)


@every
def test_what_is_wrong_is_said(case):
    name = type(case.calibrator).__name__
    with pytest.raises(ShapeError, match=rf"{name}\.fit: target must"):
        clone(case.calibrator).fit(case.logits, case.target[1:])
    with pytest.raises(DtypeError, match="logits must be real numbers"):
        clone(case.calibrator).fit(case.logits.astype(str), case.target)
    outside = case.target.copy()
    outside[5] = 4
    with pytest.raises(TargetError, match="at row 5"):
        clone(case.calibrator).fit(case.logits, outside)
    with pytest.raises(OptionError, match="sample_weight must be finite and not negative"):
        fitted(case, sample_weight=np.full(len(case.logits), -1.0))
    with pytest.raises(ShapeError, match="must have at least one"):
        fitted(case, sample_weight=np.zeros(len(case.logits)))
    with pytest.raises(ShapeError, match=rf"{name}\.transform: logits must have shape"):
        fitted(case).transform(np.zeros((3, 7)))
    with pytest.raises(OptionError, match=r"set_params: a parameter must be one of .*; got 'colour'"):
        clone(case.calibrator).set_params(colour=1)


def test_probabilities_as_targets_are_refused():
    with pytest.raises(DtypeError, match="target must be class indices, one a row"):
        TemperatureScaling().fit(ROWS, np.full(ROWS.shape, 0.25))


def test_a_class_without_rows_keeps_its_column():
    some = LABELS != 2
    for case in CASES:
        if case.logits is ROWS and case.target is LABELS:
            calibrator = clone(case.calibrator).fit(ROWS[some], LABELS[some])
            np.testing.assert_array_equal(calibrator.classes_, np.arange(4))
            probs = calibrator.predict_proba(NEW)
            assert probs.shape == (len(NEW), 4)
            assert np.isfinite(np.log(probs[:, [0, 1, 3]])).all()


def test_one_logit_is_the_row_of_two_classes():
    for case in CASES:
        if case.logits is BINARY_ROWS:
            two = clone(case.calibrator).fit(np.stack([0 * BINARY_ROWS, BINARY_ROWS], axis=1), BINARY_LABELS)
            new = np.stack([0 * case.new, case.new], axis=1) + 5.0
            close(two.predict_proba(new), fitted(case).predict_proba(case.new), 1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "xent.policy/1"}, r"must have schema 'xent.calibrator/1'; got 'xent.policy/1'"),
        ({"kind": "Nothing"}, r"kind must name a calibrator of this class; got 'Nothing'"),
        ({"fitted": {}}, r"must hold 'temperature'; it is missing"),
        ({"params": {"colour": 1}}, r"calibrator must be whole"),
        ({"rows": "many"}, r"calibrator must be whole"),
        ({"fitted": {"temperature": "two", "standard_error": 0.1, "reason": None, "converged": True}}, "above 0"),
    ],
)
def test_broken_files_are_refused(tmp_path, change, message):
    path = tmp_path / "calibrator.json"
    TemperatureScaling().fit(ROWS, LABELS).save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message):
        Calibrator.load(path)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(DataError, match="must be readable"):
        Calibrator.load(tmp_path / "nowhere.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(DataError, match="must be JSON"):
        Calibrator.load(tmp_path / "text.json")
    with pytest.raises(DataError, match="must be a file that can be written"):
        TemperatureScaling().fit(ROWS, LABELS).save(tmp_path / "nowhere" / "calibrator.json")
    TemperatureScaling().fit(ROWS, LABELS).save(tmp_path / "calibrator.json")
    with pytest.raises(DataError, match="kind must name a calibrator of this class; got 'TemperatureScaling'"):
        MultilabelTemperature.load(tmp_path / "calibrator.json")


def test_numbers_that_do_not_go_together_are_refused():
    """A file may be whole JSON and no calibrator: it says so when it is read, and not when it is first used."""
    matrix = MatrixScaling().fit(ROWS, LABELS).to_dict()
    isotonic = IsotonicCalibration().fit(ROWS, LABELS).to_dict()
    for content in (
        {**matrix, "n_classes": 2},
        {**matrix, "fitted": {**matrix["fitted"], "matrix": [[1.0]]}},
        {**isotonic, "fitted": {**isotonic["fitted"], "curves": [{"knots": [0.0]}]}},
        {**isotonic, "fitted": {**isotonic["fitted"], "curves": isotonic["fitted"]["curves"][:2]}},
    ):
        with pytest.raises(DataError, match="calibrator must be whole"):
            Calibrator.from_dict(content)
    with pytest.raises(DataError, match="variant must be 'centred' or 'pav'; got 'pva'"):
        Calibrator.from_dict({**isotonic, "fitted": {**isotonic["fitted"], "variant": "pva"}})


@every
def test_booleans_are_the_labels_of_two_classes(case):
    target = case.target if case.target.max() == 1 else (case.target > 1).astype(int)
    found = clone(case.calibrator).fit(case.logits, target == 1)
    np.testing.assert_array_equal(found.transform(case.new), fitted_to(case, target).transform(case.new))


@every
def test_logits_of_any_size_are_fitted_or_refused(case):
    """No overflow on the way, and no warning of one: a probability, or the row that is too large."""
    logits = case.logits * 1e150
    logits[:2] = case.logits[:2]
    if case.calibrator._takes_minus_inf or isinstance(case.calibrator, MultilabelTemperature):
        probs = clone(case.calibrator).fit(logits, case.target).predict_proba(logits)
        assert ((probs >= 0) & (probs <= 1)).all()
    else:
        with pytest.raises(OptionError, match=r"fit: logits must be at most 1e\+100 in size; got \d.*e\+150 at row 2"):
            clone(case.calibrator).fit(logits, case.target)


@every
@pytest.mark.parametrize("unit", [1e-90, 1e16, 1e90])
def test_weights_of_any_unit_leave_probabilities(case, unit):
    """Beyond 2^53 a row more or less is lost in rounding: no infinity may come of that, nor of one label alone."""
    if isinstance(case.calibrator, MultilabelTemperature):
        targets = (case.target, 0 * case.target)
    else:
        targets = (case.target, np.where(case.target == case.target.max(), 1, 0), 0 * case.target + 1)
    for target in targets:
        weights = np.where(np.arange(len(target)) % 7 == 0, 1.0, unit)
        if isinstance(case.calibrator, VennAbers) and unit > 1:  # whose new row, of weight 1, must count
            with pytest.raises(OptionError, match=r"fit: sample_weight must sum to at most 2\^50, .*; got \d.*e\+"):
                clone(case.calibrator).fit(case.logits, target, weights)
            continue
        probs = clone(case.calibrator).fit(case.logits, target, weights).predict_proba(case.logits)
        assert np.isfinite(probs).all() and ((probs >= 0) & (probs <= 1)).all()


@every
@pytest.mark.parametrize("weight", [1e-300, 1e200])
def test_weights_whose_squares_are_no_numbers_are_refused(case, weight):
    weights = np.ones(len(case.target))
    weights[3] = weight
    with pytest.raises(OptionError, match=r"fit: sample_weight must be 0 or lie in \[1e-100, 1e100\]; got 1e"):
        clone(case.calibrator).fit(case.logits, case.target, weights)
