"""Out-of-distribution scores against mpmath, scipy and scikit-learn, and the guarantees over simulated draws."""

import json
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import softmax
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from xent import DataError, DtypeError, OptionError, ShapeError, TargetError
from xent.decisions import ood

DRAWS = 2000
HARD = np.array(
    [
        [0.0, 0.0, 0.0, 0.0],
        [1.0, -0.5, 0.25, 3.0],
        [40.0, 1.0, 2.0, -3.0],  # p rounds to 1
        [700.0, 0.0, -1.0, 1.0],
        [2000.0, 0.0, 5.0, 1.0],  # 1 - p underflows
        [1e5, 1e5 + 1, 1e5 - 2, 0.0],
        [3.0, -np.inf, 1.0, -np.inf],
        [-5e3, -5e3, -6e3, -np.inf],
    ]
)


def exact(z, temperature=1.0):
    """Return probabilities, their complements (nothing cancels in these sums), and the denominator, to 60 digits."""
    mpmath.mp.dps = 60
    exps = [mpmath.exp(mpmath.mpf(float(x)) / mpmath.mpf(temperature)) if x > -np.inf else mpmath.mpf(0) for x in z]
    total = sum(exps)
    p = [e / total for e in exps]
    return p, [sum(e for j, e in enumerate(exps) if j != k) / total for k in range(len(p))], total


def oracle(name, z, temperature=1.0):
    p, rest, total = exact(z, temperature)
    top = max(range(len(p)), key=lambda k: p[k])
    ranked = sorted(z, reverse=True)
    return {
        "max_softmax": lambda: p[top],
        "log_odds": lambda: mpmath.log(p[top]) - mpmath.log(rest[top]),
        "max_logit": lambda: ranked[0],
        "energy": lambda: temperature * mpmath.log(total),
        "entropy": lambda: sum(
            x * (mpmath.log1p(-r) if r < 0.5 else mpmath.log(x)) for x, r in zip(p, rest, strict=True) if x > 0
        ),
        "margin": lambda: mpmath.mpf(ranked[0]) - mpmath.mpf(ranked[1]),
        "gen": lambda: -sum(x ** mpmath.mpf(0.1) * r ** mpmath.mpf(0.1) for x, r in zip(p, rest, strict=True) if x > 0),
    }[name]()


@pytest.mark.parametrize("name", ood.SCORES)
def test_scores_are_exact(name):
    """To 1e-13, relative, of 60-digit arithmetic; log-odds near 0 absolutely, being a difference of logits."""
    for z, found in zip(HARD, ood.SCORES[name](HARD), strict=True):
        expected = oracle(name, z)
        assert found == pytest.approx(float(expected), rel=1e-13, abs=1e-13 if name == "log_odds" else 1e-305), z


@pytest.mark.parametrize("name", ["max_softmax", "log_odds", "energy", "entropy", "gen"])
@pytest.mark.parametrize("temperature", [0.5, 3.0, 1000.0])
def test_temperature(name, temperature):
    rows = np.random.default_rng(0).normal(size=(20, 5)) * 10
    for z, found in zip(rows, getattr(ood, name)(rows, temperature=temperature), strict=True):
        assert found == pytest.approx(float(oracle(name, z, temperature)), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("name", [*ood.SCORES, "kl_matching"])
def test_higher_is_more_in_distribution(name):
    """Rows of a class have one large logit; unknown rows have smaller ones, all of a size. True of every score."""
    random = np.random.default_rng(0)
    known = random.normal(size=(3000, 10))
    known[np.arange(3000), random.integers(0, 10, 3000)] += 7.0
    unknown = random.normal(size=(1000, 10))
    score = ood.KLMatching().fit(known[2000:]).score if name == "kl_matching" else ood.SCORES[name]
    inside, outside = score(known[:2000]), score(unknown)
    assert ood.evaluate(inside, outside).auroc.low > 0.9
    assert np.median(inside) > np.median(outside)
    threshold = ood.fit_threshold(inside, 0.95)
    assert (inside >= threshold).mean() == 0.95
    assert (outside >= threshold).mean() < 0.5


@pytest.mark.parametrize("name", [*ood.SCORES, "kl_matching"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rows_without_a_distribution_are_never_in(name, dtype):
    rows = np.array(
        [[1, 2, 0], [np.nan, 1, 2], [np.inf, 1, 2], [-np.inf] * 3, [np.inf, -np.inf, np.nan], [-np.inf, 2, 1]], dtype
    )
    score = ood.KLMatching().fit([[1.0, 2.0, 0.0]]).score if name == "kl_matching" else ood.SCORES[name]
    found = score(rows)
    assert found.dtype == np.float64
    assert np.isnan(found).tolist() == [False, True, True, True, True, False]
    assert (found >= -np.inf).tolist() == [True, False, False, False, False, True]


@pytest.mark.parametrize("name", ood.SCORES)
def test_pieces_layout_and_storage_do_not_matter(name):
    rows = np.random.default_rng(0).normal(size=(60_000, 10)).astype(np.float32) * 5
    found = ood.SCORES[name](rows)
    np.testing.assert_array_equal(ood.SCORES[name](rows[::1000]), found[::1000])
    np.testing.assert_array_equal(ood.SCORES[name](np.asfortranarray(rows[::100])), found[::100])
    np.testing.assert_array_equal(ood.SCORES[name](rows[::100].astype(np.float64)), found[::100])
    assert ood.SCORES[name](rows[:0]).shape == (0,)


@pytest.mark.parametrize("name", ood.SCORES)
def test_both_kernels_agree(name, monkeypatch):
    found = ood.SCORES[name](HARD)
    monkeypatch.setenv("XENT_KERNELS", "numpy")
    np.testing.assert_allclose(ood.SCORES[name](HARD), found, rtol=1e-13, atol=1e-14 if name == "log_odds" else 0)


def test_log_odds_rank_where_probabilities_tie():
    rows = np.column_stack([np.arange(30.0, 2000.0, 10.0), np.zeros(197)])
    assert (np.diff(ood.log_odds(rows)) > 0).all()
    assert (ood.max_softmax(rows)[1:] == 1.0).all()
    random = np.random.default_rng(0).normal(size=(500, 6))
    assert (np.argsort(ood.log_odds(random)) == np.argsort(ood.max_softmax(random))).all()


def test_classes_of_no_probability():
    rows = [[2.0, -np.inf, -np.inf]]
    found = {name: score(rows)[0] for name, score in ood.SCORES.items()}
    assert found == {
        "max_softmax": 1.0,
        "log_odds": np.inf,
        "max_logit": 2.0,
        "energy": 2.0,
        "entropy": 0.0,
        "margin": np.inf,
        "gen": 0.0,
    }
    assert ood.log_odds([[1.0]])[0] == np.inf


@pytest.mark.parametrize("top", [1, 3, 7, 8, 100])
@pytest.mark.parametrize("gamma", [0.05, 0.5, 0.9])
def test_gen_counts_the_largest(top, gamma):
    rows = np.random.default_rng(0).normal(size=(50, 8)) * 3
    p = np.sort(softmax(rows, axis=1), axis=1)[:, ::-1][:, :top]
    expected = -(p**gamma * (1 - p) ** gamma).sum(axis=1)
    np.testing.assert_allclose(ood.gen(rows, gamma=gamma, top=top), expected, rtol=1e-10)


# --- KL matching ------------------------------------------------------------------------------------------------------


def kl_sample(n=400, k=5):
    random = np.random.default_rng(0)
    rows = random.normal(size=(n, k))
    rows[np.arange(n), random.integers(0, k - 1, n)] += 3.0  # the last class is rare
    return rows


@pytest.mark.parametrize("labelled", [False, True])
def test_kl_matching_is_the_papers(labelled):
    rows, new = kl_sample(), np.random.default_rng(1).normal(size=(60, 5)) * 2
    target = np.random.default_rng(2).integers(0, 3, len(rows)) if labelled else None
    matching = ood.KLMatching().fit(rows, target)
    index = rows.argmax(axis=1) if target is None else target
    p = softmax(rows, axis=1)
    templates = [p[index == k].mean(axis=0) for k in np.unique(index)]
    assert matching.classes_.tolist() == np.unique(index).tolist()
    np.testing.assert_allclose(matching.templates_, templates, rtol=1e-13)
    divergences = [[stats.entropy(q, d) for d in templates] for q in softmax(new, axis=1)]
    np.testing.assert_allclose(matching.score(new), -np.min(divergences, axis=1), rtol=1e-11)


def test_kl_matching_in_pieces():
    rows = np.random.default_rng(0).normal(size=(70_000, 8))
    matching = ood.KLMatching().fit(rows)
    p, index = softmax(rows, axis=1), rows.argmax(axis=1)
    np.testing.assert_allclose(matching.templates_, [p[index == k].mean(axis=0) for k in range(8)], rtol=1e-12)


def test_small_divergences_keep_their_digits():
    matching = ood.KLMatching().fit([[1.0, 0.0, 0.5]])
    for step in (1e-3, 1e-6):
        p, _, _ = exact([1.0 + step, 0.0, 0.5])
        d = [mpmath.mpf(float(x)) for x in matching.templates_[0]]
        total = sum(d)
        expected = -sum(x * mpmath.log(x / (y / total)) for x, y in zip(p, d, strict=True))
        assert matching.score([[1.0 + step, 0.0, 0.5]])[0] == pytest.approx(float(expected), rel=1e-9)


def test_what_every_class_rules_out():
    matching = ood.KLMatching().fit([[0.0, 1.0, -np.inf], [1.0, 0.0, -np.inf]])
    found = matching.score([[0.0, 1.0, -np.inf], [0.0, 0.0, 0.0]])
    assert found[0] == pytest.approx(0.0, abs=1e-15)
    assert found[1] == -np.inf
    both = ood.KLMatching().fit([[0.0, 1.0, -np.inf], [0.0, 0.0, 1.0]])
    assert np.isfinite(both.score([[0.0, 0.0, -50.0]])[0])  # the second allows what the first rules out


def test_kl_matching_json():
    matching = ood.KLMatching().fit(kl_sample())
    text = matching.to_json()
    assert json.loads(text)["schema"] == "xent.kl-matching/1"
    back = ood.KLMatching.from_json(text)
    rows = np.random.default_rng(1).normal(size=(30, 5))
    np.testing.assert_array_equal(back.score(rows), matching.score(rows))
    assert back.to_json() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "text must be JSON"),
        ("[1]", "text must have schema 'xent.kl-matching/1'; got 'list'"),
        ('{"schema": "x"}', "text must have schema 'xent.kl-matching/1'; got 'x'"),
        ('{"schema": "xent.kl-matching/1"}', "text must hold classes (C,) and a distribution"),
        *[
            (json.dumps({"schema": "xent.kl-matching/1", "classes": c, "templates": t}), "text must hold classes (C,)")
            for c, t in [
                ([0], [[0.5, 0.6]]),
                ([0, 0], [[0.5, 0.5]] * 2),
                ([2], [[0.5, 0.5]]),
                ([0], [[1.5, -0.5]]),
                ([0], [0.5, 0.5]),
                ([], []),
                ([0], [["a", 1.0]]),
            ]
        ],
    ],
)
def test_broken_kl_matching_json_is_refused(text, message):
    with pytest.raises(DataError) as caught:
        ood.KLMatching.from_json(text)
    assert str(caught.value).startswith(f"KLMatching.from_json: {message}")


def test_kl_matching_checks_its_rows():
    fresh = ood.KLMatching()
    for call in (lambda: fresh.score([[1.0]]), fresh.to_json):
        with pytest.raises(OptionError, match="fit must come first"):
            call()
    with pytest.raises(ShapeError, match=r"KLMatching.fit: logits must have at least one row; got \(0, 3\)"):
        fresh.fit(np.empty((0, 3)))
    with pytest.raises(OptionError, match=r"logits must not be NaN, .* got inf as the largest at row 1"):
        fresh.fit([[1.0, 2.0], [np.inf, 0.0]])
    with pytest.raises(TargetError, match=r"target must be class indices; got shape \(1, 2\)"):
        fresh.fit([[1.0, 2.0]], [[0.5, 0.5]])
    with pytest.raises(TargetError, match=r"KLMatching.fit: target must lie in \[0, 1\]; got 2"):
        fresh.fit([[1.0, 2.0]], [2])
    with pytest.raises(ShapeError, match=r"KLMatching.score: logits must have shape \(rows, 2\), as in fit"):
        fresh.fit([[1.0, 2.0]]).score([[1.0]])


# --- thresholds -------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
    st.sampled_from([0.01, 0.1, 0.29, 0.5, 0.55, 0.7, 0.9, 0.95, 1.0]),
)
def test_the_threshold_is_the_highest_that_accepts_enough(values, tpr):
    scores = np.array(values, dtype=float)
    threshold = ood.fit_threshold(scores, tpr)
    share = round(tpr * 100)
    assert threshold in values
    assert 100 * (scores >= threshold).sum() >= share * len(scores)
    assert 100 * (scores > threshold).sum() < share * len(scores)


@pytest.mark.parametrize(("tpr", "confidence"), [(0.95, 0.95), (0.9, 0.9), (0.99, 0.95), (0.5, 0.99), (0.95, 0.3)])
@pytest.mark.parametrize("n", [1, 20, 59, 300, 1000, 20_000])
def test_the_guaranteed_place_is_the_binomials(n, tpr, confidence):
    scores = np.arange(n, dtype=float)
    lowest = np.arange(1, n + 1)
    allowed = lowest[stats.binom.sf(lowest - 1, n, 1 - tpr) >= confidence]
    if len(allowed):
        assert ood.fit_threshold(scores, tpr, confidence=confidence) == allowed[-1] - 1
    else:
        needed = math.ceil(math.log(1 - confidence) / math.log(tpr))
        assert n < needed
        with pytest.raises(OptionError, match=f"at least {needed} scores for tpr={tpr:g} .*; got {n}"):
            ood.fit_threshold(scores, tpr, confidence=confidence)


@pytest.mark.parametrize("n", [60, 200, 1000])
@pytest.mark.parametrize("ties", [False, True])
def test_guarantee_over_draws(n, ties):
    """P(TPR ≥ 0.95) over the draws: ≥ 0.95 with the confidence (0.02 is 4 errors); about half of the time without it.

    Scores are uniform, so the TPR of a threshold t is 1 - t, exactly; with ties, of uniforms rounded up to 1/50.
    """
    random = np.random.default_rng(n)
    reached = {None: 0, 0.95: 0}
    for _ in range(DRAWS):
        scores = random.random(n)
        if ties:
            scores = np.ceil(scores * 50) / 50
        for confidence in reached:
            threshold = ood.fit_threshold(scores, 0.95, confidence)
            tpr = 1 - (round(threshold * 50) - 1) / 50 if ties else 1 - threshold
            reached[confidence] += tpr >= 0.95
    assert reached[0.95] / DRAWS > 0.95 - 4 * math.sqrt(0.95 * 0.05 / DRAWS)
    if not ties:
        assert reached[0.95] / DRAWS < 1.0 - 0.002
        assert 0.3 < reached[None] / DRAWS < 0.65


def test_nan_counts_as_a_rejected_row():
    scores = np.array([np.nan, *np.arange(99.0)])
    assert ood.fit_threshold(scores, 0.95) == 4.0  # 95 of the 100 rows
    with pytest.raises(OptionError) as caught:
        ood.fit_threshold(scores, 1.0)
    assert "scores_in must hold scores for enough rows; got 1 NaN among 100, so no threshold accepts 1\n" in str(
        caught.value
    )
    assert ood.fit_threshold([-np.inf, 1.0], 1.0) == -np.inf


@pytest.mark.parametrize(
    ("scores", "options", "error", "message"),
    [
        ([], {}, OptionError, "scores_in must hold at least one score; got none"),
        ([[1.0]], {}, ShapeError, "scores_in must have shape (rows,); got (1, 1)"),
        (["a"], {}, DtypeError, "scores_in must be real numbers"),
        ([1.0], {"tpr": 0.0}, OptionError, "tpr must lie in (0, 1]; got 0.0"),
        ([1.0], {"tpr": 95}, OptionError, "tpr must lie in (0, 1]; got 95"),
        ([1.0], {"confidence": 1.0}, OptionError, "confidence must be None or lie in (0, 1); got 1.0"),
        ([1.0], {"tpr": 1.0, "confidence": 0.5}, OptionError, "scores_in must hold no end of scores for tpr=1"),
    ],
)
def test_threshold_arguments_are_checked(scores, options, error, message):
    with pytest.raises(error) as caught:
        ood.fit_threshold(scores, **options)
    assert str(caught.value).startswith(f"fit_threshold: {message}")


# --- evaluation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1), (3, 40), (200, 150), (5000, 300)])
def test_evaluation_agrees_with_scikit_learn(sizes, ties):
    random = np.random.default_rng(sizes[0])
    inside, outside = random.normal(size=sizes[0]) + 1, random.normal(size=sizes[1])
    if ties:
        inside, outside = np.rint(inside), np.rint(outside)
    truth = np.repeat([1, 0], sizes)
    scores = np.concatenate([inside, outside])
    found = ood.evaluate(inside, outside)
    assert found.auroc.value == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert found.aupr_in == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    assert found.aupr_out == pytest.approx(average_precision_score(1 - truth, -scores), abs=1e-12)
    fpr, tpr, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    first = int((tpr >= 0.95 - 1e-12).argmax())
    assert found.fpr.value == pytest.approx(fpr[first], abs=1e-12)
    assert found.threshold == thresholds[first] == ood.fit_threshold(inside, 0.95)
    assert (found.n_in, found.n_out) == sizes


def test_delong_by_its_definition():
    random = np.random.default_rng(0)
    inside, outside = np.rint(random.normal(size=40) * 2 + 2), np.rint(random.normal(size=30) * 2)
    wins = (inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)
    variance = np.var(wins.mean(axis=1), ddof=1) / 40 + np.var(wins.mean(axis=0), ddof=1) / 30
    value = wins.mean()
    half = 1.959963984540054 * math.sqrt(variance) / (value * (1 - value))
    logit = math.log(value / (1 - value))
    found = ood.evaluate(inside, outside).auroc
    expected = [value, 1 / (1 + math.exp(half - logit)), 1 / (1 + math.exp(-half - logit))]
    np.testing.assert_allclose([found.value, found.low, found.high], expected, rtol=1e-12)


@pytest.mark.parametrize(("truth", "n", "m"), [(0.7, 60, 40), (0.95, 100, 50), (0.99, 200, 200)])
def test_interval_of_the_auroc_over_draws(truth, n, m):
    """Two normals d apart: AUROC = Φ(d/√2). At 0.95 ± 0.02 of the draws it is inside (4 errors of the simulation)."""
    random = np.random.default_rng(0)
    distance = stats.norm.ppf(truth) * math.sqrt(2)
    covered = 0
    for _ in range(DRAWS):
        found = ood.evaluate(random.normal(size=n) + distance, random.normal(size=m)).auroc
        covered += found.low <= truth <= found.high
    assert 0.93 < covered / DRAWS < 0.98


def test_a_perfect_separation_claims_no_certainty():
    found = ood.evaluate(np.arange(100.0, 140.0), np.arange(30.0))
    assert (found.auroc.value, found.auroc.high, found.aupr_in, found.aupr_out, found.fpr.value) == (1, 1, 1, 1, 0)
    assert found.auroc.low == pytest.approx(stats.binomtest(30, 30).proportion_ci(method="wilson").low, rel=1e-12)
    same = ood.evaluate(np.zeros(10), np.zeros(8))
    assert (same.auroc.value, same.aupr_in, same.aupr_out, same.fpr.value) == (0.5, 10 / 18, 8 / 18, 1.0)
    assert same.auroc.low < 0.3 < 0.7 < same.auroc.high


def test_nan_is_the_lowest_score():
    inside = np.array([np.nan, *np.linspace(1, 2, 39)])
    outside = np.array([np.nan, np.nan, 0.5, 1.5])
    found = ood.evaluate(inside, outside)
    lowest = ood.evaluate(np.nan_to_num(inside, nan=-9.0), np.nan_to_num(outside, nan=-9.0))
    assert found.auroc == lowest.auroc
    assert (found.aupr_in, found.aupr_out) == (lowest.aupr_in, lowest.aupr_out)
    assert found.threshold == ood.fit_threshold(inside, 0.95) == lowest.threshold
    assert found.fpr.value == 0.25
    broken = ood.evaluate([np.nan, 1.0], [0.0])
    assert math.isnan(broken.threshold)
    assert broken.fpr.reason == "too many in-distribution rows have no score"
    # A threshold of -inf accepts a score of -inf, and still no NaN.
    assert ood.evaluate([-np.inf, 1.0], [np.nan, -np.inf], tpr=1.0).fpr.value == 0.5


def test_no_rows():
    for arguments, reason in (([], [1.0]), "no in-distribution rows"), (([1.0], []), "no out-of-distribution rows"):
        found = ood.evaluate(*arguments)
        assert found.auroc.reason == found.fpr.reason == reason
        assert math.isnan(found.aupr_in)
        assert math.isnan(found.aupr_out)


def test_evaluate_checks_its_arguments():
    with pytest.raises(ShapeError, match=r"evaluate: scores_out must have shape \(rows,\); got \(1, 1\)"):
        ood.evaluate([1.0], [[1.0]])
    with pytest.raises(OptionError, match=r"evaluate: tpr must lie in \(0, 1\]; got 2"):
        ood.evaluate([1.0], [1.0], tpr=2)


@pytest.mark.parametrize("name", ood.SCORES)
def test_scores_check_their_rows(name):
    with pytest.raises(ShapeError) as caught:
        ood.SCORES[name]([1.0, 2.0])
    assert str(caught.value).startswith(f"{name}: logits must have shape (rows, classes); got (2,)")
    with pytest.raises(DtypeError, match=f"{name}: logits must be real numbers"):
        ood.SCORES[name]([["a", "b"]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ood.margin([[1.0]]), "margin: logits must have at least two classes; got shape (1, 1)"),
        (lambda: ood.gen([[1.0]], gamma=1.0), "gen: gamma must lie in (0, 1); got 1.0"),
        (lambda: ood.gen([[1.0]], top=0), "gen: top must be a whole number ≥ 1; got 0"),
        (lambda: ood.gen([[1.0]], top=True), "gen: top must be a whole number ≥ 1; got True"),
        (lambda: ood.energy([[1.0]], temperature=0.0), "energy: temperature must be a finite number above 0; got 0.0"),
        (lambda: ood.entropy([[1.0]], temperature=-1), "entropy: temperature must be a finite number above 0; got -1"),
    ],
)
def test_options_are_checked(call, message):
    with pytest.raises((OptionError, ShapeError)) as caught:
        call()
    assert str(caught.value).startswith(message)
