"""Bayes decisions against closed forms and brute force; every refusal."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.decisions.costs import bayes_decision, bayes_threshold
from xent.decisions.operating_points import threshold_at
from xent.errors import OptionError, ShapeError, TargetError

COST = st.floats(-5, 5)


@given(COST, COST, st.floats(0.01, 10), st.floats(0.01, 10))
def test_at_the_threshold_both_decisions_cost_the_same(tp, tn, more_fp, more_fn):
    fp, fn = tn + more_fp, tp + more_fn
    t = bayes_threshold(cost_false_positive=fp, cost_false_negative=fn, cost_true_positive=tp, cost_true_negative=tn)
    assert 0 < t < 1
    assert t * tp + (1 - t) * fp == pytest.approx(t * fn + (1 - t) * tn, abs=1e-10)


@pytest.mark.parametrize(("fp", "fn", "t"), [(1, 1, 0.5), (1, 9, 0.1), (3, 1, 0.75), (1e308, 1e308, 0.5)])
def test_thresholds_known_by_heart(fp, fn, t):
    assert bayes_threshold(cost_false_positive=fp, cost_false_negative=fn) == pytest.approx(t, rel=1e-15)


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ({"cost_false_positive": 0, "cost_false_negative": 1}, "false positive must exceed .* got 0 and 0"),
        ({"cost_false_positive": 1, "cost_false_negative": 1, "cost_true_negative": 2}, "got 1 and 2"),
        ({"cost_false_positive": 1, "cost_false_negative": -1}, "false negative must exceed .* got -1 and 0"),
        ({"cost_false_positive": math.inf, "cost_false_negative": 1}, "cost_false_positive must be a finite .* inf"),
        ({"cost_false_positive": 1, "cost_false_negative": True}, "cost_false_negative must be .* True"),
    ],
)
def test_costs_that_need_no_threshold(costs, words):
    with pytest.raises(OptionError, match=f"^bayes_threshold: .*{words}"):
        bayes_threshold(**costs)


def test_the_cheapest_threshold_of_many_calibrated_rows_is_that_of_bayes():
    # p ~ U(0, 1), P(Y = 1) = p, costs 1 and 4: Bayes 0.2, and 0.1 a row: ∫₀^.2 4p + ∫.2^1 (1 - p) = .08 + .32.
    n = 400_000
    p = np.random.default_rng(0).random(n)
    y = np.random.default_rng(1).random(n) < p
    point = threshold_at(y, p, cost=[[0, 1], [4, 0]])
    assert point.threshold == pytest.approx(bayes_threshold(cost_false_positive=1, cost_false_negative=4), abs=0.02)
    assert point.achieved.low < 0.40 < point.achieved.high
    assert point.achieved.value == pytest.approx(0.40, abs=0.01)


def test_bayes_threshold_is_the_decision_of_two_classes():
    p = np.linspace(0, 1, 1001)
    cost = [[0.5, 2.0], [7.0, -1.0]]
    t = bayes_threshold(cost_false_positive=2, cost_false_negative=7, cost_true_positive=-1, cost_true_negative=0.5)
    decided = bayes_decision(np.column_stack([1 - p, p]), cost)
    away = np.abs(p - t) > 1e-9
    assert np.array_equal((decided.decision == 1)[away], (p >= t)[away])


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 2**31), st.floats(0.01, 3))
def test_decisions_are_those_of_a_loop(n_classes, n_actions, seed, above):
    random = np.random.default_rng(seed)
    probs = random.dirichlet(np.ones(n_classes), 7)
    cost = random.normal(size=(n_classes, n_actions))
    if n_actions == n_classes:
        np.fill_diagonal(cost, cost.min(axis=1) - 0.1)
    reject = cost.min() + above
    decision, expected = bayes_decision(probs, cost, reject_cost=reject)
    for row, chosen, price in zip(probs, decision, expected, strict=True):
        costs = [sum(row[k] * cost[k, a] for k in range(n_classes)) for a in range(n_actions)]
        assert price == pytest.approx(min(*costs, reject), abs=1e-12)
        assert chosen == (-1 if min(costs) > reject else int(np.argmin(costs)))


def test_chows_rule():
    # Errors cost 1 and a rejection 0.25: rejected below a probability of 0.75.
    probs = [[0.75, 0.125, 0.125], [0.74, 0.13, 0.13], [0.0, 1.0, 0.0]]
    decided = bayes_decision(probs, 1 - np.eye(3), reject_cost=0.25)
    assert decided.decision.tolist() == [0, -1, 1]
    assert decided.expected_cost.tolist() == [0.25, 0.25, 0.0]


def test_ties_go_to_the_first_class_and_orientation_is_true_then_decided():
    assert bayes_decision([[0.5, 0.5]], [[0, 1], [1, 0]]).decision.tolist() == [0]
    # Class 1 taken for 0 costs 10: at p₁ = 0.2 deciding 0 costs 2 and deciding 1 costs 0.8.
    decided = bayes_decision([[0.8, 0.2]], [[0, 1], [10, 0]])
    assert (decided.decision.tolist(), decided.expected_cost.tolist()) == ([1], [0.8])


def test_many_rows_are_those_of_pieces_and_no_rows_are_none():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), 200_000).astype(np.float32)
    cost = 1.0 - np.eye(3)
    whole = bayes_decision(probs, cost)
    assert np.array_equal(whole.decision, probs.argmax(axis=1))
    assert whole.expected_cost == pytest.approx(1 - probs.max(axis=1), abs=1e-6)
    empty = bayes_decision(np.zeros((0, 3)), cost)
    assert (empty.decision.shape, empty.expected_cost.shape) == ((0,), (0,))


@pytest.mark.parametrize(
    ("probs", "cost", "reject", "error", "words"),
    [
        ([[0.5, 0.5]], np.zeros((3, 3)), None, ShapeError, r"cost must have shape \(2, actions\).* got \(3, 3\)"),
        ([[0.5, 0.5]], [[0, math.nan], [1, 0]], None, OptionError, "cost must be finite; got nan"),
        ([[0.5, 0.5]], [[1, 0], [1, 0]], None, OptionError, "got 1 for class 0 decided as itself and 0 .* as class 1"),
        ([[0.5, 0.5]], [[0, 1], [1, 0]], 0.0, OptionError, "reject_cost must be finite and above .* 0; got 0.0"),
        ([[0.5, 0.5]], [[0, 1], [1, 0]], math.nan, OptionError, "reject_cost .* got nan"),
        ([[0.5, 0.6]], [[0, 1], [1, 0]], None, TargetError, "probs must be non-negative and sum to 1"),
        ([[math.nan, 1]], [[0, 1], [1, 0]], None, TargetError, "probs must be non-negative and sum to 1"),
        ([0.5, 0.5], [[0, 1], [1, 0]], None, ShapeError, r"probs must have shape \(rows, classes\)"),
    ],
)
def test_refusals(probs, cost, reject, error, words):
    with pytest.raises(error, match=f"^bayes_decision: .*{words}"):
        bayes_decision(probs, cost, reject_cost=reject)
