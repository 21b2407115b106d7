"""Conformal sets against brute force, the exact laws of order statistics, simulated coverage, and MAPIE."""

import itertools
import json
import math
import pathlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import beta, binomtest, kstest

from xent import DataError, DtypeError, OptionError, ShapeError, TargetError
from xent.decisions import _conformity
from xent.decisions.conformal import ConformalClassifier

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
DRAWS = 2000

#: The options of every kind of set.
KINDS = {
    "lac": {"method": "lac"},
    "aps": {"method": "aps"},
    "aps-random": {"method": "aps", "randomized": True},
    "raps": {"method": "raps", "penalty": 0.1, "k_reg": 2},
    "raps-random": {"method": "raps", "penalty": 0.1, "k_reg": 1, "randomized": True},
}


def sample(random, n, k=5, sharpness=1.5, ties=False):
    """Rows whose classes follow probabilities that differ from the model's: no guarantee rests on the model."""
    logits = random.normal(size=(n, k)) * sharpness
    target = (logits + random.gumbel(size=(n, k))).argmax(axis=1)
    if ties:
        logits = np.rint(logits)
    return softmax(2.0 * logits, axis=1), target


def oracle_scores(p, options, u):
    """Return 1 minus the papers' nonconformity score of every class of one row, in their words."""
    if options["method"] == "lac":
        return [Fraction(float(x)) for x in p]
    p, scores = [Fraction(float(x)) for x in p], []
    for x in p:
        score = sum((y for y in p if y < x), Fraction(0)) + Fraction(u) * sum(y for y in p if y == x)
        if options["method"] == "raps":
            score -= Fraction(options["penalty"]) * max(0, 1 + sum(y > x for y in p) - options["k_reg"])
        scores.append(score)
    return scores


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_sets_are_those_of_the_papers(kind, per_class, ties):
    options = KINDS[kind]
    random = np.random.default_rng(1)
    probs, target = sample(random, 150, 4, ties=ties)
    new, _ = sample(random, 60, 4, ties=ties)
    conformal = ConformalClassifier(**options, coverage=0.8, per_class=per_class, seed=7).fit(probs, target)

    def scores(rows):
        u = _conformity.uniform(rows, 7) if "random" in kind else np.ones(len(rows))
        return [oracle_scores(p, options, each) for p, each in zip(rows, u, strict=True)]

    own = [row[y] for row, y in zip(scores(probs), target, strict=True)]
    limits = []
    for k in range(4):
        among = sorted((s for s, y in zip(own, target, strict=True) if not per_class or y == k), reverse=True)
        rank = math.ceil((len(among) + 1) * Fraction(8, 10))
        limits.append(among[rank - 1])
    expected = np.array([[float(s - t) >= -1e-13 for s, t in zip(row, limits, strict=True)] for row in scores(new)])
    np.testing.assert_array_equal(conformal.predict_set(new), expected)
    np.testing.assert_allclose(
        np.broadcast_to(conformal.threshold_, 4), [float(t) for t in limits], rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    [
        # As floats ⌈(n+1) · coverage⌉ is one more …
        *[(99, 0.55, 55), (99, 0.56, 56), (49, 0.14, 7), (49, 0.28, 14), (99, 0.07, 7)],
        # … and so is ⌈(n+1) · (1 - α)⌉ with α = 1 - coverage.
        *[(9, 0.3, 3), (999, 0.82, 820), (99, 0.57, 57)],
        *[(9, 0.9, 9), (10, 0.9, 10), (18, 0.9, 18), (19, 0.9, 18), (20, 0.9, 19), (1, 0.5, 1), (300, 0.9, 271)],
        *[(99, 0.99, 99), (9, 0.7, 7)],
    ],
)
def test_the_rank_is_exact(n, coverage, rank):
    p = np.random.default_rng(0).permutation(np.linspace(0.5, 0.99, n))
    conformal = ConformalClassifier(coverage=coverage).fit(np.column_stack([p, 1 - p]), np.zeros(n, dtype=int))
    assert conformal.threshold_ == np.sort(p)[::-1][rank - 1]
    assert conformal.reason_ is None


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99, 0.995, 0.7])
@pytest.mark.parametrize("kind", KINDS)
def test_too_few_rows_are_said(coverage, kind):
    needed = math.ceil(Fraction(str(coverage)) / (1 - Fraction(str(coverage))))
    probs, target = sample(np.random.default_rng(0), needed)
    conformal = ConformalClassifier(**KINDS[kind], coverage=coverage)
    for n in (0, needed - 1):
        short = conformal.fit(probs[:n], target[:n])
        assert (short.needed_, short.n_, short.threshold_) == (needed, n, -math.inf)
        assert short.reason_ == (
            f"coverage {coverage:g} needs {needed} calibration rows, and there are {n}: every set holds all classes"
        )
        assert short.predict_set(probs).all()
        assert short.realised_coverage().low == 1.0
    enough = conformal.fit(probs, target)
    assert enough.reason_ is None
    assert math.isfinite(enough.threshold_)


def test_classes_with_too_few_rows_are_in_every_set():
    probs, target = sample(np.random.default_rng(0), 300, 6)
    target[target == 4] = 3
    target[np.flatnonzero(target == 2)[8:]] = 3  # class 2 keeps 8 rows of the 9 that 0.9 needs
    conformal = ConformalClassifier("aps", per_class=True).fit(probs, target)
    assert conformal.n_.tolist() == np.bincount(target, minlength=6).tolist()
    assert np.isneginf(conformal.threshold_).tolist() == [False, False, True, False, True, False]
    assert conformal.reason_ == (
        "coverage 0.9 needs 9 calibration rows of each class: every set holds the 2 of 6 with fewer: "
        "2 (8 rows), 4 (0 rows)"
    )
    sets = conformal.predict_set(probs)
    assert sets[:, [2, 4]].all()
    assert not sets[:, 0].all()


@pytest.mark.parametrize(("n", "ties"), [(9, False), (9, True), (50, False), (50, True), (120, False)])
@pytest.mark.parametrize("kind", KINDS)
def test_coverage_over_draws(kind, n, ties):
    """The mean coverage of DRAWS draws is ⌈0.9 (n+1)⌉/(n+1) without ties, and not below it with them.

    The bounds are 4 standard errors of the simulation, from the spread of its draws. Deterministic APS and RAPS tie
    without rounding too: every row's top class has the same score.
    """
    random = np.random.default_rng([n, ties])
    conformal = ConformalClassifier(**KINDS[kind])
    covered = np.empty(DRAWS)
    for draw in range(DRAWS):
        probs, target = sample(random, n + 25, ties=ties)
        sets = conformal.fit(probs[:n], target[:n]).predict_set(probs[n:])
        covered[draw] = sets[np.arange(25), target[n:]].mean()
    error = covered.std(ddof=1) / math.sqrt(DRAWS)
    exact = math.ceil(Fraction(9, 10) * (n + 1)) / (n + 1)
    assert covered.mean() > exact - 4 * error
    if not ties and kind in ("lac", "aps-random", "raps-random"):
        assert covered.mean() < exact + 4 * error


def test_coverage_of_each_class_over_draws():
    """A rare, hard class: per_class covers it (4 standard errors of the simulation), one threshold for all does not."""
    random = np.random.default_rng(0)
    own = {True: [], False: []}
    for _ in range(DRAWS):
        target = np.where(random.random(260) < 0.15, 1, 0)
        p = softmax(
            np.column_stack([np.zeros(260), random.normal(size=260) + np.where(target == 1, 0.5, -3.0)]), axis=1
        )
        hard = np.flatnonzero(target[200:] == 1) + 200
        for per_class in own:
            conformal = ConformalClassifier(per_class=per_class).fit(p[:200], target[:200])
            own[per_class] += conformal.predict_set(p[hard])[:, 1].tolist()
    error = 4 * math.sqrt(0.9 * 0.1 / len(own[True])) * 2  # rows of a draw share a threshold: twice is ample
    assert 0.9 - error < np.mean(own[True]) < 0.9 + 1 / 20 + error
    assert np.mean(own[False]) < 0.7


def test_realised_coverage_is_beta():
    """p of the right class is uniform on (1/2, 1), so that a threshold t covers 2 (1 - t) of all rows, exactly."""
    n, coverage = 57, 0.8
    random = np.random.default_rng(0)
    conformal, covered = ConformalClassifier(coverage=coverage), []
    for _ in range(DRAWS):
        p = random.uniform(0.5, 1.0, n)
        covered.append(2 * (1 - conformal.fit(np.column_stack([p, 1 - p]), np.zeros(n, dtype=int)).threshold_))
    rank = math.ceil(58 * 0.8)
    assert kstest(covered, beta(rank, n + 1 - rank).cdf).pvalue > 0.01
    for confidence in (0.5, 0.95):
        said = conformal.realised_coverage(confidence)
        assert said.value == rank / (n + 1)
        inside = int(((np.array(covered) > said.low) & (np.array(covered) < said.high)).sum())
        assert binomtest(inside, DRAWS, confidence).pvalue > 0.001


def test_realised_coverage_of_each_class():
    probs, target = sample(np.random.default_rng(0), 400, 3)
    conformal = ConformalClassifier(per_class=True).fit(probs, target)
    for n, said in zip(conformal.n_, conformal.realised_coverage(0.9), strict=True):
        rank = math.ceil(Fraction(9, 10) * (int(n) + 1))
        np.testing.assert_allclose([said.low, said.high], beta(rank, n + 1 - rank).ppf([0.05, 0.95]), rtol=1e-12)
        assert said.n == n


def test_saturated_rows_are_told_apart():
    """The other classes have 1e-20 and 1e-25 of the probability: 1 - that is 1.0, and all of them would tie there."""
    rest = np.geomspace(1e-30, 1e-12, 199)
    probs = np.column_stack([np.ones(199), rest, rest * 1e-3])
    target = np.ones(199, dtype=int)  # all wrong
    conformal = ConformalClassifier("aps", coverage=0.5).fit(probs, target)
    assert conformal.threshold_ == pytest.approx(np.median(rest) * (1 + 1e-3), rel=1e-12)
    sets = conformal.predict_set([[1.0, 1e-20, 1e-23], [1.0, 1e-22, 1e-25]])
    assert sets.tolist() == [[True, True, False], [True, False, False]]


def test_ties_are_covered_whatever_their_number():
    probs = np.tile([[0.5, 0.3, 0.2]], (100, 1))
    target = np.repeat([0, 1, 2], [50, 38, 12])
    sets = {m: ConformalClassifier(m).fit(probs, target).predict_set(probs[:1])[0].tolist() for m in ("lac", "aps")}
    assert sets == {"lac": [True, True, True], "aps": [True, True, True]}  # two classes would have 0.88
    two = ConformalClassifier("aps", coverage=0.87).fit(probs, target)
    assert two.predict_set(probs[:1])[0].tolist() == [True, True, False]
    assert two.evaluate(probs, target).coverage.value == 0.88


@pytest.mark.parametrize("kind", ["aps", "raps"])
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_deterministic_sets_are_never_empty(kind, per_class, dtype):
    random = np.random.default_rng(3)
    probs, target = sample(random, 4000, 10, sharpness=3.0)
    probs = probs.astype(dtype)
    conformal = ConformalClassifier(kind, coverage=0.3, per_class=per_class).fit(probs[:2000], target[:2000])
    sets = conformal.predict_set(probs[2000:])
    assert sets[np.arange(2000), probs[2000:].argmax(axis=1)].all()


def test_no_class_conforms_better_than_the_top_one_where_a_sum_is_rounded_up():
    p = np.full((1, 1000), 1.004e-3)  # a sum of 1.004, as float16 may leave it
    p[0, 7] = 1.01e-3
    mass = _conformity.tail_mass(p.astype(np.float16))
    assert mass[0, 7] == mass.max() == 1.0


def test_lac_sets_may_be_empty_and_are_counted():
    probs = np.array([[0.95, 0.05], [0.9, 0.1], [0.85, 0.15], [0.55, 0.45]])
    conformal = ConformalClassifier(coverage=0.5).fit(probs[:3], [0, 0, 0])
    assert conformal.predict_set(probs).sum(axis=1).tolist() == [1, 1, 0, 0]
    assert conformal.evaluate(probs, [0, 0, 0, 0]).empty.value == 0.5


@given(st.integers(0, 10_000), st.sampled_from(sorted(KINDS)), st.booleans())
def test_sets_are_nested_and_grow_with_coverage(seed, kind, per_class):
    random = np.random.default_rng(seed)
    probs, target = sample(random, 80, 4)
    new, _ = sample(random, 30, 4)
    sets = [
        ConformalClassifier(**KINDS[kind], coverage=c, per_class=per_class).fit(probs, target).predict_set(new)
        for c in (0.3, 0.6, 0.9, 0.99)
    ]
    for small, large in itertools.pairwise(sets):
        assert (small <= large).all()


@given(st.integers(0, 10_000), st.sampled_from(["lac", "aps", "raps"]), st.permutations(range(4)))
def test_class_numbers_mean_nothing(seed, method, order):
    random = np.random.default_rng(seed)
    probs = random.multinomial(8, [0.25] * 4, size=80) / 8  # sums of eighths are exact in any order
    target = random.integers(0, 4, 80)
    plain = ConformalClassifier(method, coverage=0.8).fit(probs, target)
    moved = ConformalClassifier(method, coverage=0.8).fit(probs[:, order], np.argsort(order)[target])
    np.testing.assert_array_equal(plain.predict_set(probs)[:, order], moved.predict_set(probs[:, order]))


def test_the_uniform_is_one_and_belongs_to_the_row(monkeypatch):
    probs, _ = sample(np.random.default_rng(0), 5000, 4)
    u = _conformity.uniform(probs, 3)
    assert kstest(u, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(u, _conformity.uniform(probs, 4))[0, 1]) < 4 / math.sqrt(5000)
    assert abs(np.corrcoef(u, probs[:, 0])[0, 1]) < 4 / math.sqrt(5000)
    np.testing.assert_array_equal(_conformity.uniform(probs[::7], 3), u[::7])
    monkeypatch.setenv("XENT_KERNELS", "numpy")
    np.testing.assert_array_equal(_conformity.uniform(probs, 3), u)
    zeros = np.array([[1.0, 0.0], [1.0, -0.0]])
    assert _conformity.uniform(zeros, 3)[0] == _conformity.uniform(zeros, 3)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_one_set_in_whatever_batch_layout_and_length(kind):
    random = np.random.default_rng(0)
    probs, target = sample(random, 70_000, 10)  # several pieces
    conformal = ConformalClassifier(**KINDS[kind]).fit(probs[:1000], target[:1000])
    sets = conformal.predict_set(probs)
    assert 0.88 < sets[np.arange(70_000), target].mean() < 0.95
    for rows in (slice(0, 1), slice(26_213, 26_217), slice(0, None, 11)):
        np.testing.assert_array_equal(conformal.predict_set(probs[rows]), sets[rows])
    np.testing.assert_array_equal(conformal.predict_set(np.asfortranarray(probs)), sets)


def test_seeds_give_other_sets_of_the_same_coverage():
    random = np.random.default_rng(0)
    probs, target = sample(random, 6000)
    sets = [
        ConformalClassifier("aps", randomized=True, seed=seed)
        .fit(probs[:3000], target[:3000])
        .predict_set(probs[3000:])
        for seed in (0, 0, 1)
    ]
    assert (sets[0] == sets[1]).all()
    assert 0.01 < (sets[0] != sets[2]).any(axis=1).mean() < 0.9
    for each in sets:
        assert abs(each[np.arange(3000), target[3000:]].mean() - 0.9) < 0.03  # two draws of 3000: 4 errors


def test_randomised_coverage_is_nearer_than_deterministic():
    """Where the top class is right in 95 % of the rows, deterministic APS covers 95 %, and the randomised one 90 %."""
    random = np.random.default_rng(0)
    probs, target = sample(random, 40_000, 3, sharpness=8.0)
    accuracy = (probs.argmax(axis=1) == target).mean()
    assert accuracy > 0.91
    covered = {}
    for randomized in (False, True):
        conformal = ConformalClassifier("aps", randomized=randomized).fit(probs[:20_000], target[:20_000])
        covered[randomized] = conformal.evaluate(probs[20_000:], target[20_000:]).coverage.value
    assert covered[False] == pytest.approx(accuracy, abs=0.01)
    assert covered[True] == pytest.approx(0.9, abs=0.01)


def test_evaluation_counts():
    random = np.random.default_rng(0)
    probs, target = sample(random, 900, 12)
    target[target == 7] = 6
    conformal = ConformalClassifier("lac", coverage=0.93).fit(probs[:500], target[:500])
    rows, classes = probs[500:], target[500:]
    sets, quality = conformal.predict_set(rows), conformal.evaluate(rows, classes)
    sizes, hit = sets.sum(axis=1), sets[np.arange(400), classes]

    def check(found, k, n):
        interval = binomtest(int(k), int(n)).proportion_ci(method="wilson")
        np.testing.assert_allclose([found.value, found.low, found.high], [k / n, *interval], atol=1e-12)
        assert found.n == n

    check(quality.coverage, hit.sum(), 400)
    check(quality.singletons, (sizes == 1).sum(), 400)
    check(quality.empty, (sizes == 0).sum(), 400)
    assert quality.size.value == sizes.mean()
    assert quality.size.high - quality.size.low == pytest.approx(2 * 1.959964 * sizes.std(ddof=1) / 20, rel=1e-6)
    for k, found in enumerate(quality.by_class):
        if k == 7:
            assert (found.n, found.reason) == (0, "no rows")
            assert math.isnan(found.value)
        else:
            check(found, hit[classes == k].sum(), (classes == k).sum())
    bins = [(0, 0), (1, 1), (2, 2), (3, 4), (5, 8), (9, 12)]
    assert [(each.low, each.high) for each in quality.by_size] == [
        (low, high) for low, high in bins if ((sizes >= low) & (sizes <= high)).any()
    ]
    for each in quality.by_size:
        inside = (sizes >= each.low) & (sizes <= each.high)
        check(each.coverage, hit[inside].sum(), inside.sum())
    assert sum(each.coverage.n for each in quality.by_size) == 400


def test_evaluation_of_no_rows_and_of_one():
    probs, target = sample(np.random.default_rng(0), 100, 3)
    conformal = ConformalClassifier().fit(probs, target)
    nothing = conformal.evaluate(np.empty((0, 3)), np.empty(0, dtype=int))
    assert nothing.coverage.reason == nothing.size.reason == "no rows"
    assert nothing.by_size == ()
    one = conformal.evaluate(probs[:1], target[:1])
    assert (one.size.low, one.size.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("n", [5, 60, 1000])  # 60: some classes have too few
def test_json_gives_the_same_sets(kind, per_class, n):
    probs, target = sample(np.random.default_rng(0), n, 6)
    conformal = ConformalClassifier(**KINDS[kind], per_class=per_class, seed=5).fit(probs, target)
    back = ConformalClassifier.from_json(conformal.to_json())
    assert json.loads(conformal.to_json())["schema"] == "xent.conformal/1"
    assert repr(back) == repr(conformal)
    for name in ("threshold_", "n_"):
        np.testing.assert_array_equal(getattr(back, name), getattr(conformal, name))
    assert (back.reason_, back.needed_, back.n_classes_) == (conformal.reason_, conformal.needed_, 6)
    np.testing.assert_array_equal(back.predict_set(probs), conformal.predict_set(probs))
    assert back.to_json() == conformal.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "xent.conformal/9"}, "text must have schema 'xent.conformal/1'; got 'xent.conformal/9'"),
        ({"method": "lac2"}, "method must be 'lac', 'aps' or 'raps'; got 'lac2'"),
        ({"coverage": 1.0}, "coverage must lie in"),
        ({"n": [1, 2]}, "n must be 1 whole numbers ≥ 0; got [1, 2]"),
        ({"n": [True]}, "n must be 1 whole numbers"),
        ({"n_classes": 0}, "n_classes must be a whole number ≥ 1; got 0"),
        ({"threshold": [None]}, "threshold must be 1 numbers, null where n is too small; got [None]"),
        ({"threshold": ["0.5"]}, "threshold must be 1 numbers"),
        ({"threshold": 0.5}, "threshold must be 1 numbers"),
        ({"n": [3]}, "threshold must be 1 numbers, null where n is too small"),
    ],
)
def test_broken_json_is_refused(change, message):
    probs, target = sample(np.random.default_rng(0), 100, 3)
    content = json.loads(ConformalClassifier().fit(probs, target).to_json())
    with pytest.raises(DataError) as caught:
        ConformalClassifier.from_json(json.dumps({**content, **change}))
    assert str(caught.value).startswith(f"ConformalClassifier.from_json: {message}")


def test_other_texts_are_refused():
    content = json.loads(ConformalClassifier().fit([[1.0]], [0]).to_json())
    del content["seed"]
    for text, message in [
        ("{", "text must be JSON; got"),
        ("[]", "text must have schema 'xent.conformal/1'; got 'list'"),
        (json.dumps(content), "text must hold 'seed'; it is missing"),
    ]:
        with pytest.raises(DataError) as caught:
            ConformalClassifier.from_json(text)
        assert str(caught.value).startswith(f"ConformalClassifier.from_json: {message}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "topk"}, "method must be 'lac', 'aps' or 'raps'; got 'topk'"),
        ({"coverage": 0.0}, "coverage must lie in (0, 1); got 0.0"),
        ({"coverage": 1}, "coverage must lie in (0, 1); got 1"),
        ({"coverage": math.nan}, "coverage must lie in (0, 1); got nan"),
        ({"coverage": "0.9"}, "coverage must lie in (0, 1); got '0.9'"),
        ({"per_class": 1}, "per_class must be True or False; got 1"),
        ({"randomized": True}, "randomized must be False for method='lac'; got True"),
        ({"method": "aps", "penalty": 0.1}, "penalty must be None for method='aps'; got 0.1"),
        ({"k_reg": 3}, "k_reg must be None for method='lac'; got 3"),
        ({"method": "raps", "penalty": -1.0}, "penalty must be a finite number ≥ 0; got -1.0"),
        ({"method": "raps", "k_reg": 1.5}, "k_reg must be a whole number ≥ 0; got 1.5"),
        ({"seed": -1}, "seed must be a whole number in [0, 2^64); got -1"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError) as caught:
        ConformalClassifier(**options)
    assert str(caught.value).startswith(f"ConformalClassifier: {message}")


@pytest.mark.parametrize(
    ("probs", "target", "error", "message"),
    [
        ([0.5, 0.5], [0], ShapeError, "probs must have shape (rows, classes); got (2,)"),
        ([["a", "b"]], [0], DtypeError, "probs must be real numbers"),
        ([[2.0, -1.0]], [0], TargetError, "probs must be non-negative and sum to 1 over the classes; got -1 at row 0"),
        ([[0.5, 0.5], [math.nan, 1.0]], [0, 0], TargetError, "probs must be non-negative and sum to 1"),
        ([[0.5, 0.5]], [[0.0, 1.0]], ShapeError, "target must have shape (1,), one class index a row; got (1, 2)"),
        ([[0.5, 0.5]], [0.0], DtypeError, "target must be integers where it holds class indices"),
        ([[0.5, 0.5]], [2], TargetError, "target must lie in [0, 1]; got 2 at row 0"),
        ([[0.5, 0.5]], [-1], TargetError, "target must lie in [0, 1]; got -1 at row 0"),
    ],
)
def test_rows_are_checked(probs, target, error, message):
    fitted = ConformalClassifier().fit([[0.5, 0.5]], [0])
    for name, call in (("fit", ConformalClassifier().fit), ("evaluate", fitted.evaluate)):
        with pytest.raises(error) as caught:
            call(probs, target)
        assert str(caught.value).startswith(f"ConformalClassifier.{name}: {message}")
    if message.startswith("probs"):
        with pytest.raises(error) as caught:
            fitted.predict_set(probs)
        assert str(caught.value).startswith(f"ConformalClassifier.predict_set: {message}")


def test_use_is_checked():
    fresh = ConformalClassifier()
    for name, call in (
        ("predict_set", lambda: fresh.predict_set([[1.0]])),
        ("evaluate", lambda: fresh.evaluate([[1.0]], [0])),
        ("realised_coverage", fresh.realised_coverage),
        ("to_json", fresh.to_json),
    ):
        with pytest.raises(OptionError, match=f"ConformalClassifier.{name}: fit must come first; got Conf.*not fitted"):
            call()
    fitted = fresh.fit([[0.5, 0.5]] * 20, [0] * 20)
    with pytest.raises(ShapeError, match=r"predict_set: probs must have shape \(rows, 2\), as in fit; got \(1, 1\)"):
        fitted.predict_set([[1.0]])
    with pytest.raises(OptionError, match=r"realised_coverage: confidence must lie in \(0, 1\); got 1.0"):
        fitted.realised_coverage(1.0)


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "scipy.special", None)
    with pytest.raises(ImportError, match=r"realised_coverage: SciPy must be installed(.|\n)*xent\[audit\]"):
        ConformalClassifier().fit([[0.5, 0.5]] * 20, [0] * 20).realised_coverage()


@pytest.mark.skipif(not SHARED.exists(), reason="the real softmax outputs are not here")
@pytest.mark.parametrize("name", ["densenet-bc-100-cifar-100", "wideresnet-16-4-cifar-10"])
@pytest.mark.parametrize("kind", KINDS)
def test_real_networks(name, kind):
    """Coverage on the last 5000 rows within what Beta and binomial explain (99.9 %), and sets of sensible size."""
    data = np.load(SHARED / f"{name}.npz")
    probs, target = data["predictions"], data["ground_truth"].astype(np.int64)
    conformal = ConformalClassifier(**KINDS[kind], coverage=0.95).fit(probs[:5000], target[:5000])
    quality = conformal.evaluate(probs[5000:], target[5000:])
    spread = 3.3 * math.sqrt(0.95 * 0.05 * 2 / 5000)
    assert 0.95 - spread < quality.coverage.value < 0.96 + spread
    assert quality.size.value < (7.0 if "100" in name else 1.6)


class Given:
    """A fitted classifier, in the eyes of MAPIE, whose features are its probabilities."""

    def __init__(self, n_classes):
        self.classes_ = np.arange(n_classes)
        self.n_features_in_ = n_classes

    def fit(self, X, y):
        return self

    def predict(self, X):
        return X.argmax(axis=1)

    def predict_proba(self, X):
        return X

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_lac_agrees_with_mapie(coverage):
    mapie = pytest.importorskip("mapie.classification")
    random = np.random.default_rng(0)
    probs, target = sample(random, 500)
    new, _ = sample(random, 300)
    theirs = mapie.SplitConformalClassifier(Given(5), confidence_level=coverage, conformity_score="lac", prefit=True)
    _, sets = theirs.conformalize(probs, target).predict_set(new)
    ours = ConformalClassifier("lac", coverage=coverage).fit(probs, target)
    np.testing.assert_array_equal(ours.predict_set(new), sets[:, :, 0])


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("regularised", [False, True])
def test_randomised_aps_and_raps_agree_with_mapie(coverage, regularised, monkeypatch):
    """With its uniform numbers in the place of ours; its RAPS tunes penalty and k_reg, so we put its parts together."""
    scores = pytest.importorskip("mapie.conformity_scores.sets")
    quantile = pytest.importorskip("mapie.utils")._compute_classification_quantile
    random = np.random.default_rng(0)
    probs, target = sample(random, 500)
    new, _ = sample(random, 300)
    u = {len(rows): np.random.RandomState(4).uniform(size=len(rows)) for rows in (probs, new)}
    monkeypatch.setattr(_conformity, "uniform", lambda rows, seed: u[len(rows)])
    score = scores.RAPSConformityScore() if regularised else scores.APSConformityScore()
    cumulated, place = score.get_true_label_cumsum_proba(target, probs, np.arange(5))
    conformity = cumulated - u[500][:, None] * probs[np.arange(500), target][:, None]
    alpha = np.array([1 - coverage])
    if regularised:
        conformity = score._regularize_conformity_score(np.array([2]), 0.1, conformity, place)
    score.quantiles_ = quantile(conformity, alpha)
    options = {"method": "raps", "penalty": 0.1, "k_reg": 2} if regularised else {"method": "aps"}
    ours = ConformalClassifier(**options, coverage=coverage, randomized=True).fit(probs, target)
    assert 1 - ours.threshold_ == pytest.approx(float(score.quantiles_[0]), abs=1e-12)
    if not regularised:  # of RAPS, MAPIE drops the last class by another rule than that of its calibration scores
        score.random_state = 4
        sets = score.get_prediction_sets(new[:, :, None], conformity, alpha, "prefit", include_last_label="randomized")
        np.testing.assert_array_equal(ours.predict_set(new), sets[:, :, 0])
