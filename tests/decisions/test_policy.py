"""Policies: decisions by hand, a round trip through JSON, bad files, and NumPy alone."""

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import softmax

from xent import DataError, DtypeError, OptionError, Policy, ShapeError
from xent.calibration import TemperatureScaling


def policy(**changes):
    given = {
        "classes": ("cat", "dog", "bird"),
        "calibrator": TemperatureScaling.of(2.0, n_classes=3),
        "thresholds": (0.5, 0.25, None),
        "goal": {"recall": 0.9},
        "fitted_on": {"source": "test", "rows": 10},
    }
    return Policy(**{**given, **changes})


def calibrator(temperature, n_classes=3):
    content = TemperatureScaling.of(2.0, n_classes).to_dict()
    return {**content, "fitted": {**content["fitted"], "temperature": temperature}}


LOGITS = np.array([[4.0, 0.0, 0.0], [2.0, 2.0, 0.0], [0.0, 0.0, 9.0], [-4.0, 4.0, -np.inf]])


def test_decisions_by_hand():
    decision = policy().decide(LOGITS)
    probs = softmax(LOGITS / 2.0, axis=1)
    assert decision.probs == pytest.approx(probs, rel=1e-14)
    # .787 ≥ .5 alone | .422 < .5, .422 ≥ .25 alone | the third class has no threshold | .982 ≥ .25 alone
    assert decision.label.tolist() == [0, 1, -1, 1]
    assert decision.top.tolist() == [0, 0, 2, 1]
    assert decision.flags.tolist() == [
        [True, False, False],
        [False, True, False],
        [False, False, False],
        [False, True, False],
    ]


def test_a_threshold_is_reached_at_equality():
    assert policy(calibrator=None, thresholds=(0.5, 0.6, 0.6)).decide([0.0, 0.0, -np.inf]).flags.tolist() == [
        [True, False, False]
    ]


def test_several_flags_are_for_a_person():
    assert policy(thresholds=(0.3, 0.3, 0.3)).decide([[1.0, 1.0, 1.0]]).label.tolist() == [-1]


@pytest.mark.parametrize("row", [[np.nan, 0, 0], [np.inf, 0, 0], [-np.inf] * 3])
def test_a_broken_row_is_never_decided(row):
    decision = policy(thresholds=(0.0, 0.0, 0.0)).decide([row])
    assert (decision.label.tolist(), decision.flags.any()) == ([-1], False)


def test_the_storage_does_not_matter():
    logits = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    single, double = policy().decide(logits), policy().decide(logits.astype(np.float64))
    assert np.array_equal(single.probs, double.probs)
    assert np.array_equal(single.label, double.label)


def test_probabilities_are_taken_as_such_only_when_said():
    probs = softmax(LOGITS[:3], axis=1)
    assert policy(scores="probs").decide(probs).probs == pytest.approx(policy().decide(LOGITS[:3]).probs, rel=1e-12)
    assert policy(scores="probs").decide(LOGITS[:3]).label.tolist() == [-1, -1, -1]
    assert policy(scores="probs").decide(LOGITS[:3]).top.tolist() == [-1, -1, -1]


def test_one_broken_row_does_not_stop_the_others():
    """Probabilities of three digits sum to 1 only about; the audit takes them, and so must its policy."""
    probs = np.array([[0.333, 0.333, 0.333], [0.9, 0.1, 0.1], [np.nan, 0.5, 0.5], [0.899, 0.1, 0.0]])
    decision = policy(scores="probs", calibrator=None).decide(probs)
    assert decision.probs[[0, 3]] == pytest.approx(probs[[0, 3]] / probs[[0, 3]].sum(axis=1, keepdims=True), rel=1e-12)
    assert np.isnan(decision.probs[[1, 2]]).all()
    assert decision.label.tolist() == [1, -1, -1, 0]
    assert decision.top.tolist() == [0, -1, -1, 0]


def test_round_trip(tmp_path):
    policy().save(tmp_path / "policy.json")
    assert Policy.load(tmp_path / "policy.json") == policy()
    assert [p.name for p in tmp_path.iterdir()] == ["policy.json"]
    content = json.loads((tmp_path / "policy.json").read_text())
    assert (content["schema"], content["thresholds"]) == ("xent.policy/2", [0.5, 0.25, None])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON"),
        ("[]", "must have schema 'xent.policy/2'; got 'list'"),
        ('{"schema": "xent.policy/9"}', "got 'xent.policy/9'"),
        ('{"schema": "xent.policy/2"}', "must hold 'classes'"),
    ],
)
def test_bad_files(tmp_path, text, words):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(DataError, match=words):
        Policy.load(tmp_path / "p.json")
    with pytest.raises(DataError, match="No such file"):
        Policy.load(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": None}, "classes of .*p.json must be a list of names; got None"),
        ({"classes": "abc"}, "classes of .*p.json must be a list of names; got 'abc'"),
        ({"classes": ["cat", 1, "dog"]}, "classes of .*p.json must be a list of names; got 1 among them"),
        ({"classes": ["cat", "dog", "cat"]}, "classes of .*p.json must differ; got 'cat' more than once"),
        ({"classes": []}, "thresholds of .*p.json must be one a class; got 3 for 0 classes"),
        ({"thresholds": 5}, "thresholds of .*p.json must be a list of numbers; got 5"),
        ({"thresholds": "abc"}, "thresholds of .*p.json must be a list of numbers; got 'abc'"),
        ({"thresholds": {"a": 1, "b": 1, "c": 1}}, "thresholds of .*p.json must be a list of numbers"),
        ({"thresholds": [0.5, True, None]}, r"thresholds of .*p.json must lie in \[0, 1\]; got True for class 'dog'"),
        ({"thresholds": [0.5, float("nan"), None]}, "thresholds of .*p.json must lie .*got nan for class 'dog'"),
        ({"calibrator": 2.0}, "calibrator of .*p.json must have schema 'xent.calibrator/1'; got 'float'"),
        ({"calibrator": calibrator(True)}, "temperature of .*p.json must be a finite number above 0; got a boolean"),
        ({"calibrator": calibrator(None)}, "temperature of .*p.json must be a finite number above 0; got None"),
        ({"calibrator": calibrator(0)}, "temperature of .*p.json must be a finite number above 0; got 0"),
        ({"calibrator": calibrator(10**400)}, "calibrator of .*p.json must be whole; got int too large"),
        ({"calibrator": calibrator(2.0, 4)}, "calibrator of .*p.json must be of 3 classes, .*; got one of 4"),
        ({"rule": "guess"}, "rule of .*p.json must be 'alone', 'top' or 'cost'; got 'guess'"),
        ({"rule": "cost"}, "cost of .*p.json must be given with rule='cost' and with no other; got rule='cost'"),
        ({"rule": "cost", "cost": [[0, 1], [1, 0]]}, "cost of .*p.json must be 3 rows of 3 finite numbers"),
        ({"reject_cost": 1.0}, "reject_cost of .*p.json must be a number that goes with rule='cost'; got 1.0"),
        ({"scores": ["logits"]}, "scores of .*p.json must be 'logits' or 'probs'"),
        ({"goal": 0.9}, "goal of .*p.json must be a mapping; got 0.9"),
        ({"fitted_on": None}, "fitted_on of .*p.json must be a mapping; got None"),
    ],
)
def test_fields_of_a_file_that_cannot_be(tmp_path, changes, words):
    content = json.loads(policy().to_json())
    (tmp_path / "p.json").write_text(json.dumps({**content, **changes}))
    with pytest.raises(DataError, match=f"^Policy.load: {words}") as raised:
        Policy.load(tmp_path / "p.json")
    assert raised.value.hint


def test_a_file_of_endless_brackets(tmp_path):
    (tmp_path / "p.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="must be JSON"):
        Policy.load(tmp_path / "p.json")


def test_numbers_and_lists_of_numpy_come_back_from_a_file(tmp_path):
    given = policy(
        classes=np.array(["cat", "dog", "bird"]),
        thresholds=[np.float32(0.5), 0.25, None],
        rule="cost",
        cost=1 - np.eye(3, dtype=np.float32),
        reject_cost=np.float32(0.5),
        goal={"recall": np.float32(0.5)},
        fitted_on={"rows": np.int64(3), "rows_per_class": [1, 1, 1]},
    )
    given.save(tmp_path / "policy.json")
    assert Policy.load(tmp_path / "policy.json") == given
    assert given == policy(
        rule="cost",
        cost=((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)),
        reject_cost=0.5,
        goal={"recall": 0.5},
        fitted_on={"rows": 3, "rows_per_class": (1, 1, 1)},
    )


def test_save_where_nothing_can_be_written(tmp_path):
    path = tmp_path / "none" / "policy.json"
    with pytest.raises(DataError) as raised:
        policy().save(path)
    assert str(raised.value).startswith(f"Policy.save: {path} must be a file that can be written; got No such file")
    assert "folder" in raised.value.hint
    with pytest.raises(DataError, match="got a directory in the place of"):
        policy().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"classes": "abc"}, OptionError, "classes must be a list of names; got 'abc'"),
        ({"classes": ("cat", "dog", "dog")}, OptionError, "classes must differ; got 'dog' more than once"),
        ({"thresholds": (0.5, True, 0.5)}, OptionError, "got True for class 'dog'"),
        ({"thresholds": 0.5}, OptionError, "thresholds must be a list of numbers; got 0.5"),
        ({"calibrator": 2.0}, OptionError, "calibrator must be one of xent.calibration, or None; got 2.0"),
        ({"calibrator": TemperatureScaling()}, OptionError, "calibrator must be fitted; got one that is not"),
        ({"thresholds": (0.5, 0.5)}, ShapeError, "got 2 for 3 classes"),
        ({"thresholds": (0.5, 1.5, 0.5)}, OptionError, "got 1.5 for class 'dog'"),
        ({"thresholds": (0.5, "high", 0.5)}, OptionError, "got 'high' for class 'dog'"),
        ({"scores": "guess"}, OptionError, "got 'guess'"),
        ({"goal": {"recall": {1}}}, OptionError, "goal must be what JSON can hold; got Object of type set"),
        ({"fitted_on": {"loss": np.nan}}, OptionError, "fitted_on must be what JSON can hold; got Out of range"),
        ({"rule": "cost", "cost": np.eye(3)}, OptionError, "cost must be least where the decision is right; got 1 for"),
        ({"rule": "cost", "cost": (0, 1, 1)}, ShapeError, r"cost must be 3 rows of 3 finite numbers.*got \(0, 1, 1\)"),
        (
            {"rule": "cost", "cost": 1 - np.eye(3), "reject_cost": 0.0},
            OptionError,
            "reject_cost must be above the least cost, 0; got 0.0",
        ),
    ],
)
def test_bad_policies(changes, error, words):
    with pytest.raises(error, match=words):
        policy(**changes)


def test_bad_scores():
    with pytest.raises(ShapeError, match=r"scores must have shape \(rows, 3\).*got \(2, 4\)"):
        policy().decide(np.zeros((2, 4)))
    with pytest.raises(DtypeError, match="scores must be real numbers"):
        policy().decide([["a", "b", "c"]])


def test_deployment_needs_numpy_alone(tmp_path):
    policy().save(tmp_path / "policy.json")
    program = f"""
import sys
from xent import Policy
label = Policy.load({str(tmp_path / "policy.json")!r}).decide([[4.0, 0.0, 0.0]]).label
heavy = {{"scipy", "sklearn", "pyarrow", "torch", "jax", "typer", "rich", "pandas"}} & set(sys.modules)
print(label.tolist(), sorted(heavy))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0] []"


# Other rules -------------------------------------------------------------------------------------------------------


def test_the_most_probable_class_is_decided_where_it_is_probable_enough():
    decision = policy(rule="top", calibrator=None, thresholds=(0.5, 0.9, None)).decide(
        np.log([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.04, 0.95, 0.01], [0.1, 0.1, 0.8]])
    )
    assert decision.label.tolist() == [0, -1, 1, -1]


COST = ((0.0, 1.0, 1.0), (10.0, 0.0, 1.0), (1.0, 1.0, 0.0))


def test_the_cheapest_decision_by_hand():
    """Row 0: costs .2·10 + .1 = 2.1, .8 + ... by hand; missing a dog is ten times as dear, so .2 of it is enough."""
    probs = np.array([[0.7, 0.2, 0.1], [0.95, 0.04, 0.01], [0.5, 0.0, 0.5]])
    expected = [[2.1, 0.8, 0.9], [0.41, 0.96, 0.99], [0.5, 1.0, 0.5]]  # Σ_k p_k cost[k][j]
    assert (probs @ np.array(COST)).tolist() == [pytest.approx(row) for row in expected]
    given = {"calibrator": None, "rule": "cost", "cost": COST, "thresholds": (None,) * 3}
    assert policy(**given).decide(np.log(probs.clip(1e-300))).label.tolist() == [1, 0, 0]
    assert policy(**given, reject_cost=0.6).decide(np.log(probs.clip(1e-300))).label.tolist() == [-1, 0, 0]
    assert policy(**given).decide([[np.nan, 0, 0]]).label.tolist() == [-1]
