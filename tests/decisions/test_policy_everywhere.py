"""One policy, four times: NumPy, torch, ONNX and printed code decide the same, for every calibrator and every rule."""

import itertools

import numpy as np
import onnxruntime
import pytest
import torch
from scipy.special import softmax

from xent import Policy, calibration
from xent.calibration import EnsembleTemperature
from xent.calibration._base import Calibrator

from .test_policy import COST, policy

RANDOM = np.random.default_rng(5)
SCORES = (4.0 * RANDOM.normal(size=(500, 3))).astype(np.float32)
SCORES[:6] = [[np.nan, 0, 0], [np.inf, 0, 0], [-np.inf] * 3, [0, -np.inf, 1], [2, 2, -np.inf], [1, 1, 1]]
ENSEMBLE = EnsembleTemperature().fit(SCORES[6:], (SCORES[6:] / 2 + RANDOM.gumbel(size=(494, 3))).argmax(axis=1))

LEARNT = (SCORES[6:] / 2 + RANDOM.gumbel(size=(494, 3))).argmax(axis=1)
FITTED = [
    calibration.BetaCalibration(),
    calibration.DirichletCalibration(),
    calibration.HistogramBinning(),
    calibration.IsotonicCalibration(),
    calibration.IsotonicCalibration(variant="pav"),
    calibration.IsotonicCalibration(multiclass="shared"),
    calibration.MatrixScaling(),
    calibration.PlattScaling(),
    calibration.QuadraticScaling(),
    calibration.SplineCalibration(),
    calibration.StructuredScaling(),
    calibration.VectorScaling(),
    calibration.VennAbers(),
]

SAME = [
    policy(),
    policy(calibrator=None, thresholds=(0.5, 1 / 3, 0.2)),
    policy(calibrator=ENSEMBLE, rule="top", thresholds=(0.4, 0.55, 0.3)),
    policy(rule="cost", cost=COST, reject_cost=0.5),
    policy(rule="cost", cost=COST),
    policy(scores="probs", thresholds=(0.2, 0.6, 0.3)),
    *(
        policy(calibrator=each.fit(SCORES[6:], LEARNT), rule=rule, thresholds=(0.4, 0.5, 0.3))
        for each, rule in zip(FITTED, itertools.cycle(["alone", "top"]))
    ),
]


def test_every_calibrator_of_classes_is_among_them():
    kinds = {type(each.calibrator) for each in SAME} - {type(None)}
    every = {getattr(calibration, name) for name in calibration.__all__ if name[0].isupper()}
    others = {Calibrator, calibration.MultilabelTemperature}  # a policy is of classes that exclude each other
    assert kinds == {kind for kind in every if issubclass(kind, Calibrator)} - others


def scores_for(each):
    if each.scores == "logits":
        return SCORES
    with np.errstate(invalid="ignore"):
        probs = softmax(SCORES.astype(np.float64), axis=1).astype(np.float32)
    probs[10:12] = [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0]]
    return probs


def assert_same(decision, other):
    label, flags, probs, top = other
    np.testing.assert_array_equal(decision.label, label)
    np.testing.assert_array_equal(decision.flags, flags)
    np.testing.assert_array_equal(decision.top, top)
    np.testing.assert_allclose(decision.probs, probs, rtol=1e-13, equal_nan=True)


@pytest.mark.parametrize("each", SAME, ids=range(len(SAME)))
def test_torch_decides_the_same(each):
    scores = scores_for(each)
    decision = each.decide(scores)
    assert len(set(decision.label.tolist())) > 2  # it would not do to compare rejections alone
    assert_same(decision, [part.numpy() for part in each.to_torch()(torch.tensor(scores))])


@pytest.mark.parametrize("each", SAME, ids=range(len(SAME)))
def test_printed_code_decides_the_same(each):
    names = {}
    exec(each.to_code(), names)
    assert_same(each.decide(scores_for(each)), names["decide"](scores_for(each)))
    assert names["classes"] == list(each.classes)


@pytest.mark.parametrize("each", SAME, ids=range(len(SAME)))
def test_onnx_decides_the_same(each, tmp_path):
    each.to_onnx(tmp_path / "policy.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "policy.onnx")
    scores = scores_for(each)
    for part in (scores, scores[:1]):  # any number of rows
        assert_same(each.decide(part), session.run(["label", "flags", "probs", "top"], {"scores": part}))
    assert [p.name for p in tmp_path.iterdir()] == ["policy.onnx"]


@pytest.mark.parametrize("each", SAME, ids=range(len(SAME)))
def test_every_rule_comes_back_from_json(each, tmp_path):
    each.save(tmp_path / "policy.json")
    assert Policy.load(tmp_path / "policy.json") == each
