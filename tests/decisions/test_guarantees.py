"""Exact bounds against scipy.stats, and fixed-sequence testing against a plain loop."""

import builtins
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from xent.decisions import guarantees
from xent.decisions.operating_points import threshold_at

SHARE = st.floats(0.01, 0.999)


@given(st.integers(1, 5000), SHARE, st.floats(0.5, 0.999))
def test_as_many_may_err_as_the_beta_law_allows(n, share, confidence):
    c = guarantees.allowed_errors("test", n, share, confidence)
    assert -1 <= c < n
    if c >= 0:
        assert beta(n - c, c + 1).cdf(share) <= (1 - confidence) * (1 + 1e-9)
        assert binom(n, 1 - share).cdf(c) == pytest.approx(beta(n - c, c + 1).cdf(share), rel=1e-6)
    if c + 1 < n:
        assert beta(n - c - 1, c + 2).cdf(share) > (1 - confidence) * (1 - 1e-9)


@pytest.mark.parametrize(("n", "c"), [(298, -1), (299, 0), (472, 0), (473, 1), (627, 1), (628, 2)])
def test_the_numbers_of_tolerance_tables(n, c):
    # Non-parametric tolerance limits at 99 % / 95 %: 299, 473 and 628 rows for the 1st, 2nd and 3rd value.
    assert guarantees.allowed_errors("test", n, 0.99, 0.95) == c


@given(st.integers(1, 400), SHARE)
def test_binomial_p_values(n, share):
    counts = np.arange(n + 1.0)
    assert guarantees.at_least("test", counts, np.full(n + 1, float(n)), share) == pytest.approx(
        binom(n, share).sf(counts - 1), rel=1e-7, abs=1e-300
    )
    assert guarantees.at_most("test", counts, float(n), share) == pytest.approx(
        binom(n, share).cdf(counts), rel=1e-7, abs=1e-300
    )


def test_no_flagged_rows_prove_nothing():
    assert guarantees.at_least("test", np.zeros(1), np.zeros(1), 0.9).tolist() == [1.0]


@given(st.integers(1, 300), SHARE, st.integers(0, 2**31))
def test_mean_p_values_are_their_formula(n, limit, seed):
    totals = np.random.default_rng(seed).uniform(0, n, 5)
    found = guarantees.mean_at_most("test", totals, float(n), limit)
    for total, p in zip(totals, found, strict=True):
        mean = total / n
        kl = mean * math.log(mean / limit) + (1 - mean) * math.log((1 - mean) / (1 - limit)) if mean < limit else 0.0
        expected = min(math.exp(-n * kl), math.e * binom(n, limit).cdf(math.ceil(total)), 1.0)
        assert p == pytest.approx(expected, rel=1e-7)


def test_mean_p_values_hold_at_the_null():
    # Values 0, ½ and 1 with mean 0.3 exactly: p ≤ 0.05 at most 5 % of the time (20,000 draws, 3 standard errors).
    random = np.random.default_rng(0)
    totals = random.choice([0.0, 0.5, 1.0], p=[0.55, 0.3, 0.15], size=(20_000, 50)).sum(axis=1)
    assert (guarantees.mean_at_most("test", totals, 50.0, 0.3) <= 0.05).mean() <= 0.05 + 3 * math.sqrt(0.0475 / 20_000)


@pytest.mark.parametrize("length", [0, 1, 128, 129, 30_000])
@pytest.mark.parametrize("failure", [0, 5, 127, 128, 20_000, None])
def test_a_sequence_ends_at_its_first_failure(length, failure):
    p = np.zeros(length)
    if failure is not None:
        p[failure:] = 1.0
        p[failure + 1 :: 2] = 0.0  # what comes later cannot help
    assert guarantees.rejections(lambda part: p[part], length, 0.05) == min(length, failure or length) * (failure != 0)


def test_without_scipy_only_promises_are_refused(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition(".")[0] == "scipy":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    y, score = [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]
    monkeypatch.setattr(builtins, "__import__", without)
    assert threshold_at(y, score, recall=1.0).threshold == pytest.approx(0.15)
    with pytest.raises(ImportError, match=r"^threshold_at: a confidence needs SciPy.*\n\nhint: pip install"):
        threshold_at(y, score, recall=0.1, confidence=0.5)
