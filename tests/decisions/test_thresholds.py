"""Thresholds against brute force over all rows, and closed forms."""

import math

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import beta, norm

from xent import OptionError
from xent.decisions import Goal, OddsHistogram, guarantees, needed_positives
from xent.decisions.thresholds import flags


def sample(seed=0, n=600, k=4):
    random = np.random.default_rng(seed)
    target = random.integers(0, k, n)
    logits = random.normal(size=(n, k)) * 2
    logits[np.arange(n), target] += 2.5
    return logits, target


def histogram_of(logits, target, weight=None, temperature=1.0):
    histogram = OddsHistogram(logits.shape[1])
    histogram.add(logits, temperature, target, weight)
    return histogram


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("recall", [0.5, 0.9, 0.99, 1.0])
def test_recall_is_reached_and_the_next_edge_misses_it(seed, weighted, recall):
    logits, target = sample(seed)
    weight = np.random.default_rng(seed).exponential(size=len(target)) if weighted else np.ones(len(target))
    histogram = histogram_of(logits, target, weight, temperature=1.7)
    probs = softmax(logits / 1.7, axis=1)
    for k in range(4):
        edge = histogram.choose(k, Goal("recall", recall)).edge

        def reached(edge, k=k):
            own = target == k
            return weight[own & (probs[:, k] >= histogram.edges[edge])].sum() / weight[own].sum()

        assert reached(edge) >= recall - 1e-12
        assert reached(edge + 1) < recall


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("precision", [0.5, 0.9, 1.0])
def test_precision_is_reached_at_the_lowest_edge(seed, precision):
    logits, target = sample(seed)
    histogram = histogram_of(logits, target)
    probs = softmax(logits, axis=1)
    for k in range(4):
        edge = histogram.choose(k, Goal("precision", precision)).edge
        reached = [(target[chosen] == k).mean() if (chosen := probs[:, k] >= t).any() else 0.0 for t in histogram.edges]
        assert edge == np.flatnonzero(np.array(reached) >= precision)[0]


def test_counts_at_an_edge_are_counts():
    logits, target = sample()
    histogram = histogram_of(logits, target)
    probs = softmax(logits, axis=1)
    for k in range(4):
        flagged, found = histogram.at_or_above(k)
        expected = [(probs[:, k] >= t).sum() for t in histogram.edges]
        assert flagged.tolist() == expected
        assert found.tolist() == [(probs[target == k, k] >= t).sum() for t in histogram.edges]


def test_parts_add_up():
    logits, target = sample()
    parts, whole = histogram_of(logits[:200], target[:200]), histogram_of(logits, target)
    parts.add(logits[200:], 1.0, target[200:], None)
    assert np.array_equal(parts.counts, whole.counts)
    assert np.array_equal(parts.hits, whole.hits)
    assert parts.prob_sums == pytest.approx(whole.prob_sums, rel=1e-13)


@pytest.mark.parametrize(("n_classes", "step"), [(2, 32), (1000, 32), (20_000, 1)])
def test_many_classes_get_coarser_bins(n_classes, step):
    edges = OddsHistogram(n_classes).edges
    odds = edges[1:-1] / (1 - edges[1:-1])
    assert np.diff(odds[:2])[0] / odds[0] == pytest.approx(1 / step, rel=1e-6)
    assert (edges[0], odds[0]) == (0.0, pytest.approx(2.0**-30))


def test_a_class_without_rows_has_no_threshold():
    logits, target = sample(k=3)
    histogram = histogram_of(logits[target != 2], target[target != 2])
    for goal in (Goal("recall", 0.9), Goal("precision", 0.9)):
        assert histogram.choose(2, goal) == (None, None, "no row that may be learnt from is of this class")
    promised = histogram.choose(2, Goal("recall", 0.9, confidence=0.95))
    assert promised == (None, None, "no row that chooses thresholds is of this class")


def test_an_unreachable_precision_has_no_threshold():
    logits = np.tile([1.0, 0.0], (10, 1))
    assert histogram_of(logits, np.arange(10) % 2).choose(0, Goal("precision", 0.9)) == (
        None,
        None,
        "no threshold reaches a precision of 0.9 on the rows that may be learnt from",
    )


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_needed_positives_is_the_beta_bound(recall):
    # The lowest of n scores has a recall above r with probability 1 - r^n: the Beta(n, 1) law of the smallest.
    n = needed_positives(recall)
    assert beta(n, 1).cdf(recall) <= 0.05 < beta(n - 1, 1).cdf(recall)


def test_a_recall_of_one_cannot_be_promised():
    assert needed_positives(1.0) is None


def test_brier_parts_of_a_known_law():
    # p ~ U(0,1), P(Y=1) = p²: Brier 1/6, reliability 1/30, resolution 4/45, uncertainty 2/9; twice for two classes.
    n = 200_000
    p = (np.arange(n) + 0.5) / n
    logits = np.column_stack([np.zeros(2 * n), np.tile(np.log(p) - np.log1p(-p), 2)])
    weight = np.concatenate([p**2, 1 - p**2])
    histogram = histogram_of(logits, np.repeat([1, 0], n), weight)
    reliability, resolution, uncertainty = histogram.brier_parts(n_bins=15)
    assert reliability == pytest.approx(2 / 30, abs=1e-3)
    assert resolution == pytest.approx(8 / 45, abs=2e-3)
    assert uncertainty == pytest.approx(4 / 9, abs=1e-9)
    assert reliability - resolution + uncertainty == pytest.approx(1 / 3, abs=2e-3)


def test_flags_and_the_rule():
    flagged = flags(np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.3, 0.3, 0.4]]), np.array([0.5, 0.4, math.nan]))
    assert flagged.tolist() == [[True, False, False], [True, True, False], [False, False, False]]


@pytest.mark.parametrize(
    ("kind", "value", "words"), [("recall", 0.0, "got 0.0"), ("f1", 0.9, "got 'f1'"), ("recall", 1.1, "got 1.1")]
)
def test_bad_goals(kind, value, words):
    with pytest.raises(OptionError, match=words):
        Goal(kind, value)


# With a guarantee ----------------------------------------------------------------------------------------------------


def test_the_edge_of_a_promise_is_at_most_the_order_statistic_and_next_to_it():
    """299 rows of a class are the fewest for a recall of 0.99 with 95 %: then the lowest of them is the limit."""
    logits, target = sample(n=1400, k=2)
    logits, target = (
        np.concatenate([logits[target == 0][:299], logits[target == 1]]),
        np.repeat([0, 1], [299, (target == 1).sum()]),
    )
    histogram = histogram_of(logits, target)
    lowest = softmax(logits, axis=1)[:299, 0].min()
    chosen = histogram.choose(0, Goal("recall", 0.99, confidence=0.95))
    assert chosen.needed == 299
    assert histogram.edges[chosen.edge] <= lowest < histogram.edges[chosen.edge + 1]
    fewer = histogram_of(logits[1:], target[1:]).choose(0, Goal("recall", 0.99, confidence=0.95))
    assert fewer == (None, 299, "298 rows of the class are too few to promise a recall of 0.99: it takes 299")


def test_all_classes_at_once_need_more_rows():
    """Each of K classes gets a K-th of what may go wrong: log(0.05/4) / log(0.9) is 41.6."""
    logits, target = sample(n=400)
    histogram = histogram_of(logits, target)
    goal = Goal("recall", 0.9, confidence=0.95)
    assert histogram.choose(0, goal).needed == 29
    assert {chosen.needed for chosen in histogram.choose_all(goal, histogram)} == {42}


@pytest.mark.parametrize(("kind", "value"), [("recall", 0.9), ("precision", 0.8)])
def test_promises_are_kept_and_plain_choices_are_not(kind, value):
    """2000 draws of 300 rows: a 95 % promise may be missed in .05 + 3 · .0049 of them, a plain choice in about half.

    Scores of the classes are normal around ±1: recall and precision of a threshold on the log-odds are known exactly.
    """
    random = np.random.default_rng(11)
    missed = {None: 0, 0.95: 0}
    chosen = {None: 0, 0.95: 0}
    for _ in range(2000):
        label = (random.random(300) < 0.5).astype(np.int64)
        score = random.normal(size=300) + np.where(label == 1, 1.0, -1.0)
        logits = np.stack([np.zeros(300), score], axis=1)
        learn = histogram_of(logits[:150], label[:150])
        test = histogram_of(logits[150:], label[150:])
        for confidence in missed:
            goal = Goal(kind, value, confidence)
            threshold = test.threshold(test.choose(1, goal, learn).edge, goal)
            if math.isnan(threshold):
                continue
            cut = math.log(threshold / (1 - threshold))
            hit, false = norm.sf(cut - 1.0), norm.sf(cut + 1.0)
            reached = hit if kind == "recall" else hit / (hit + false)
            chosen[confidence] += 1
            missed[confidence] += reached < value - 1e-9
    assert missed[0.95] <= 0.0646 * 2000
    assert chosen[0.95] > 0.5 * 2000
    assert missed[None] > 0.4 * chosen[None]


def test_a_precision_that_no_tests_prove_says_where_it_was_surest():
    logits = np.tile([0.0, 1.0], (10, 1))
    histogram = histogram_of(logits, np.repeat([1, 0], [9, 1]))
    chosen = histogram.choose(1, Goal("precision", 0.8, confidence=0.95), histogram)
    assert (chosen.edge, chosen.needed) == (None, 14)
    assert chosen.reason == (
        "a precision of 0.8 is not proven: at the threshold where it is surest 9 of 10 flagged rows are right; "
        "it takes 14 if all are"
    )


def test_certainty_cannot_be_promised():
    logits, target = sample()
    chosen = histogram_of(logits, target).choose(0, Goal("recall", 1.0, confidence=0.95))
    assert chosen == (None, None, "a recall of 1 cannot be promised from any number of rows")


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, "high"])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(OptionError, match=r"Goal: confidence must lie in \(0, 1\); got"):
        Goal("recall", 0.9, confidence)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((0.0,), r"recall must lie in \(0, 1\]; got 0.0"),
        ((math.nan,), r"recall must lie in \(0, 1\]; got nan"),
        (("a",), r"recall must lie in \(0, 1\]; got 'a'"),
        ((0.9, 1.0), r"confidence must lie in \(0, 1\); got 1.0"),
        ((0.9, -1), r"confidence must lie in \(0, 1\); got -1"),
        ((0.9, math.nan), r"confidence must lie in \(0, 1\); got nan"),
    ],
)
def test_needed_positives_of_what_is_no_share(given, words):
    with pytest.raises(OptionError, match=f"^needed_positives: {words}"):
        needed_positives(*given)


@pytest.mark.parametrize("recall", [0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("n", [1, 2, 20, 299, 3000])
def test_as_many_are_needed_as_are_enough_whatever_rounds(recall, n):
    """A confidence of exactly 1 - r^n is that of n positives; one a little above it needs one more."""
    if recall**n < 1e-9:
        return
    for confidence, expected in ((1 - recall**n, n), (1 - recall**n * (1 - 1e-6), n + 1)):
        assert needed_positives(recall, confidence) == expected
        assert guarantees.allowed_errors("test", expected, recall, confidence) == 0
        assert guarantees.allowed_errors("test", expected - 1, recall, confidence) == -1
