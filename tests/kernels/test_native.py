"""The compiled kernels do what the NumPy specification says, on every instruction-set level, bit for bit repeatably."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.kernels import backend_for
from xent.kernels import numpy as spec

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")

LEVELS = ("baseline", "v3", "v4")
HOSTILE = (0.0, -0.0, 1e4, -1e4, 5e-324, 1e-310, -1e-16, 1e-16, 1e30, -1e30, np.inf, -np.inf, np.nan)
EPS = {np.float32: 2.0**-23, np.float64: 2.0**-52}


@st.composite
def matrices(draw, hostile=True, max_rows=70, max_classes=300):
    """Logits of any layout: contiguous, every other row, rows reversed, some columns, transposed, broadcast."""
    n, n_classes = draw(st.integers(0, max_rows)), draw(st.integers(1, max_classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    spread = draw(st.sampled_from([0.0, 1e-3, 1.0, 10.0, 400.0]))
    logits = (spread * rng.normal(size=(n, n_classes))).astype(dtype)
    if hostile and draw(st.booleans()):
        values = rng.choice(draw(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4)), size=logits.shape)
        share = draw(st.sampled_from([0.02, 0.5, 1.0]))
        logits = np.where(rng.random(logits.shape) < share, values, logits).astype(dtype)
    layout = draw(st.sampled_from(["contiguous", "rows", "reversed", "columns", "transposed", "broadcast"]))
    if layout == "rows":
        logits = np.repeat(logits, 2, axis=0)[::2]
    elif layout == "reversed":
        logits = logits[::-1]
    elif layout == "columns":
        logits = np.concatenate([logits, logits], axis=1)[:, :n_classes]
    elif layout == "transposed":
        logits = np.asfortranarray(logits)
    elif layout == "broadcast" and n:
        logits = np.broadcast_to(logits[0], logits.shape)
    return logits


@st.composite
def problems(draw, **options):
    """Logits with a class index, a matrix target, coefficients, and a scale."""
    logits = draw(matrices(**options))
    n, n_classes = logits.shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return {
        "logits": logits,
        "index": rng.integers(0, n_classes, n),
        "probs": rng.dirichlet(np.full(n_classes, 0.3), n).astype(draw(st.sampled_from([np.float32, np.float64]))),
        "class_coef": np.where(rng.random(n_classes) < 0.2, 0.0, rng.random(n_classes)),
        "coefs": np.where(rng.random((3, n)) < 0.3, 0.0, rng.normal(size=(3, n))) * (rng.random(n) < 0.8),
        "weight": rng.random(n),
        "scale": draw(st.sampled_from([1.0, 0.37, 2.5, 1e-3])),
    }


def assert_near(actual, expected, tolerance, size=1.0):
    """Equal where not finite, else within ``tolerance`` of the larger of ``size`` and the value itself."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    bound = tolerance * np.maximum(size, np.abs(expected))
    excess = np.abs(actual[finite] - expected[finite]) - np.broadcast_to(bound, expected.shape)[finite]
    assert not (excess > 0).any(), f"off by {excess.max()} more than {tolerance}"


@given(problems(), st.sampled_from(["none", "index", "some", "probs"]))
def test_row_stats_are_those_of_the_specification(problem, kind):
    index = problem["index"]
    target = {"none": None, "index": index, "some": np.where(index % 2, index, -1), "probs": problem["probs"]}[kind]
    for class_coef in (None, problem["class_coef"]):
        expected = spec.row_stats(problem["logits"], target, class_coef, scale=problem["scale"])
        actual = native.row_stats(problem["logits"], target, class_coef, scale=problem["scale"])
        np.testing.assert_array_equal(actual.max, expected.max)
        # float32 rows are computed in float32: what is smaller than its numbers is 0.
        eps = EPS[problem["logits"].dtype.type]
        assert_near(actual.log_sum, expected.log_sum, 4 * eps, size=0.0 if eps < 1e-15 else 1e-37)
        if kind == "probs":
            assert_near(actual.target_logit, expected.target_logit, 1e-14 if eps < 1e-15 else 4 * eps)
        else:
            assert_near(actual.target_logit, expected.target_logit, 1e-14)
        assert_near(actual.mean_logit, expected.mean_logit, 1e-14)


@given(problems())
def test_row_softmax_is_that_of_the_specification(problem):
    logits, scale = problem["logits"], problem["scale"]
    tolerance = 4 * EPS[logits.dtype.type]
    for log in (False, True):
        actual = native.row_softmax(logits, scale=scale, log=log)
        assert actual.dtype == logits.dtype
        tiny = np.finfo(logits.dtype).tiny
        assert_near(actual, spec.row_softmax(logits, scale=scale, log=log), tolerance, size=tiny if not log else 1.0)


@given(problems(), st.sampled_from(["none", "index", "some", "probs"]))
def test_row_grad_is_that_of_the_specification(problem, kind):
    index = problem["index"]
    target = {"none": None, "index": index, "some": np.where(index % 2, index, -1), "probs": problem["probs"]}[kind]
    coef_softmax, coef_target, coef_class = problem["coefs"]
    for extra in ((), (coef_class, problem["class_coef"])):
        arguments = (problem["logits"], coef_softmax, coef_target, target, *extra)
        expected = spec.row_grad(*arguments, scale=problem["scale"])
        actual = native.row_grad(*arguments, scale=problem["scale"])
        assert actual.dtype == expected.dtype
        assert_near(actual, expected, 8 * EPS[expected.dtype.type], size=problem["scale"])
    idle = (coef_softmax == 0) & (coef_target == 0)
    np.testing.assert_array_equal(native.row_grad(*arguments[:4])[idle], 0.0)


@given(problems(), st.sampled_from([0.0, 1e-3, 1.0, 30.0]))
def test_row_moments_are_those_of_the_specification(problem, scale):
    expected = spec.row_moments(problem["logits"], scale=scale)
    actual = native.row_moments(problem["logits"], scale=scale)
    assert_near(actual[0], expected[0], 1e-13, size=1e-300)
    assert_near(actual[1], expected[1], 1e-12, size=1e-300 + 1e-12 * expected[0] ** 2)


@given(problems())
def test_row_scores_are_those_of_the_specification(problem):
    expected = spec.row_scores(problem["logits"], problem["index"], scale=problem["scale"])
    actual = native.row_scores(problem["logits"], problem["index"], scale=problem["scale"])
    np.testing.assert_array_equal(actual.predicted, expected.predicted)
    np.testing.assert_array_equal(actual.rank, expected.rank)
    for field in ("nll", "confidence", "sum_squares"):
        assert_near(getattr(actual, field), getattr(expected, field), 8 * EPS[np.float64])
    known = ~np.isnan(expected.nll)
    np.testing.assert_array_equal((actual.rank == 0)[known], (actual.predicted == problem["index"])[known])


@given(problems(), st.integers(0, 6), st.booleans())
def test_class_histogram_is_that_of_the_specification(problem, bits, weighted):
    logits, index, scale = problem["logits"], problem["index"], problem["scale"]
    weight = problem["weight"] if weighted else None
    edges = spec.odds_edges(bits)
    tables = np.zeros((2, 3, logits.shape[1], len(edges)))
    spec.class_histogram(logits, index, weight, *tables[0], bits=bits, scale=scale)
    native.class_histogram(logits, index, weight, *tables[1], bits=bits, scale=scale)
    # An odds within rounding of an edge may fall on either side of it: compare what lies below each edge, and allow for
    # the rows whose odds are that near.
    with np.errstate(divide="ignore"):
        probs = np.clip(spec.row_softmax(logits.astype(np.float64), scale=scale), 0.0, 1.0)
        odds = probs / (1.0 - probs)
    near = np.zeros_like(tables[0, 0])
    for b, edge in enumerate(edges):
        near[:, b] = (np.abs(odds - edge) <= 1e-9 * edge * (1.0 + edge)).sum(axis=0)
    for expected, actual in zip(*tables.cumsum(axis=3), strict=True):
        at_edge = np.concatenate([near[:, 1:], np.zeros((len(near), 1))], axis=1)
        assert (np.abs(actual - expected) <= at_edge + 1e-12 * (1.0 + np.abs(expected))).all()


@given(matrices())
def test_row_hash_is_that_of_the_specification(logits):
    np.testing.assert_array_equal(native.row_hash(logits), spec.row_hash(logits))


def test_histogram_bins_are_exact_where_the_odds_are():
    even = np.zeros((5, 3))  # odds of 1/2
    certain = np.array([[1.0, -np.inf, -np.inf]])
    tables = np.zeros((2, 3, 3, len(spec.odds_edges(4))))
    for kernels, of_kernels in zip((spec, native), tables, strict=True):
        kernels.class_histogram(even, np.arange(5) % 3, None, *of_kernels, bits=4)
        kernels.class_histogram(certain, np.zeros(1, int), None, *of_kernels, bits=4)
    np.testing.assert_array_equal(tables[1, :2], tables[0, :2])
    half = np.flatnonzero(spec.odds_edges(4) == 0.5)[0]
    assert tables[1, 0, 1, half] == 5
    assert tables[1, 0, 0, -1] == 1  # odds are infinite
    assert tables[1, 0, 1, 0] == 1  # odds are 0


# ---- repeatability ---------------------------------------------------------------------------------------------------


def results_of(logits, index, coefs, class_coef):
    """Every result of every kernel, as bytes."""
    tables = np.zeros((3, logits.shape[1], len(spec.odds_edges(3))))
    native.class_histogram(logits, index, None, *tables, bits=3)
    arrays = [
        *native.row_stats(logits, index, class_coef),
        native.row_softmax(logits),
        native.row_softmax(logits, log=True),
        native.row_grad(logits, coefs[0], coefs[1], index, coefs[2], class_coef),
        *native.row_moments(logits),
        *native.row_scores(logits, index),
        native.row_hash(logits),
        tables,
    ]
    return [array.tobytes() for array in arrays if array is not None]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(4000, 10), (501, 137), (33, 2500)])
def test_any_number_of_threads_gives_the_same_bits(monkeypatch, shape, dtype):
    rng = np.random.default_rng(0)
    arguments = (
        (5 * rng.normal(size=shape)).astype(dtype),
        rng.integers(0, shape[1], shape[0]),
        rng.normal(size=(3, shape[0])),
        rng.random(shape[1]),
    )
    assert arguments[0].size > native.SMALL
    results = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(native, "threads", lambda threads=threads: threads)
        results.append(results_of(*arguments))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("n_classes", [1, 2, 10, 137, 1500])
def test_any_cut_into_batches_gives_the_same_bits(n_classes):
    rng = np.random.default_rng(1)
    logits = (5 * rng.normal(size=(101, n_classes))).astype(np.float32)
    index = rng.integers(0, n_classes, 101)
    whole = native.row_softmax(logits, log=True)
    stats = native.row_stats(logits, index)
    tables = np.zeros((2, 3, n_classes, len(spec.odds_edges(3))))
    native.class_histogram(logits, index, None, *tables[0], bits=3)
    for start, end in ((0, 1), (1, 40), (40, 101)):
        part = slice(start, end)
        np.testing.assert_array_equal(native.row_softmax(logits[part], log=True), whole[part])
        for actual, expected in zip(native.row_stats(logits[part], index[part])[:4], stats[:4], strict=True):
            np.testing.assert_array_equal(actual, expected[part])
        native.class_histogram(logits[part], index[part], None, *tables[1], bits=3)
    np.testing.assert_array_equal(tables[1], tables[0])


# ---- accuracy --------------------------------------------------------------------------------------------------------


def ulps(actual, exact):
    """How far ``actual`` is from the number ``exact`` of mpmath, in units of the last place of float64."""
    return abs(float((mpmath.mpf(float(actual)) - exact) / mpmath.mpf(float(np.spacing(abs(float(exact)))))))


def test_exponentials_are_right_to_an_ulp_and_a_half_down_to_the_denormals():
    rng = np.random.default_rng(2)
    x = np.concatenate([np.linspace(-745.2, 0, 1500), -np.exp(rng.uniform(-40, 6.6, 1500))])
    x = x[x <= -40]  # here 1 + e^x is 1 in float64, so the softmax of (0, x) is e^x itself
    probs = native.row_softmax(np.stack([np.zeros_like(x), x], axis=1))[:, 1]
    with mpmath.workdps(50):
        worst = max(ulps(p, mpmath.exp(float(value))) for p, value in zip(probs, x, strict=True))
    assert worst <= 1.5
    far = native.row_softmax(np.array([[0.0, -745.2], [0.0, -1e4], [0.0, -np.inf]]))
    np.testing.assert_array_equal(far, [[1.0, 0.0]] * 3)


def test_log_sums_are_right_to_two_ulps():
    gaps = -np.concatenate([np.linspace(0, 50, 400), np.geomspace(1e-300, 700, 400)])
    log_sum = native.row_stats(np.stack([np.zeros_like(gaps), gaps], axis=1)).log_sum
    with mpmath.workdps(400):
        worst = max(ulps(v, mpmath.log1p(mpmath.exp(float(gap)))) for v, gap in zip(log_sum, gaps, strict=True))
    assert worst <= 2.0


@pytest.mark.parametrize("n_classes", [2, 3, 10, 100, 1000])
def test_float32_log_probabilities_are_within_an_ulp_of_the_rounded_truth(n_classes):
    logits = (6 * np.random.default_rng(n_classes).normal(size=(3, n_classes))).astype(np.float32)
    actual = native.row_softmax(logits, log=True)
    with mpmath.workdps(50):
        for row, got in zip(logits, actual, strict=True):
            exact = [mpmath.mpf(float(z)) for z in row]
            lse = mpmath.log(mpmath.fsum(mpmath.exp(z) for z in exact))
            truth = np.array([float(z - lse) for z in exact]).astype(np.float32)
            assert (np.abs(got - truth) <= np.spacing(np.abs(truth))).all()


def test_a_million_classes_lose_nothing():
    n_classes = 1_000_000
    logits = np.zeros((1, n_classes), np.float32)
    logits[0, ::2] = -1.0
    with mpmath.workdps(50):
        lse = mpmath.log(n_classes // 2) + mpmath.log1p(mpmath.exp(-1))
        expected = np.array([float(-1 - lse), float(-lse)]).astype(np.float32)
        np.testing.assert_array_equal(native.row_softmax(logits, log=True)[0, :2], expected)
        assert abs(native.row_stats(logits).log_sum[0] - lse) <= 4 * np.spacing(np.float32(lse))
    scores = native.row_scores(logits, np.array([999_999]))
    assert (scores.predicted[0], scores.rank[0]) == (1, 499_999)


# ---- safety and choice -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [4, 2**40])
def test_a_target_beyond_the_classes_is_refused(bad):
    logits, target = np.zeros((3, 4)), np.array([0, 3, bad])
    ones, tables = np.ones(3), np.zeros((3, 4, len(spec.odds_edges(2))))
    for call in (
        lambda: native.row_stats(logits, target),
        lambda: native.row_grad(logits, ones, ones, target),
        lambda: native.row_scores(logits, target),
        lambda: native.class_histogram(logits, target, None, *tables, bits=2),
    ):
        with pytest.raises(IndexError, match=rf"target must lie in 0 … 3; got {bad} at row 2\n\nhint: "):
            call()
    assert not tables.any()


def test_a_missing_target_is_refused_where_one_is_needed():
    with pytest.raises(IndexError, match="got -1 at row 1"):
        native.row_scores(np.zeros((2, 3)), np.array([0, -1]))


def test_arrays_of_the_wrong_size_are_refused():
    logits, ones = np.zeros((3, 4)), np.ones(3)
    for call in (
        lambda: native.row_stats(logits, np.zeros(2, int)),
        lambda: native.row_stats(logits, np.zeros((3, 5))),
        lambda: native.row_stats(logits, None, np.ones(3)),
        lambda: native.row_grad(logits, ones, ones[:2]),
        lambda: native.class_histogram(logits, np.zeros(3, int), None, *np.zeros((3, 4, 7)), bits=2),
    ):
        with pytest.raises(ValueError, match=r"must have (\d+ entries|shape .*); got .*\n\nhint: "):
            call()


def test_each_dtype_gets_the_kernels_that_know_it(monkeypatch):
    monkeypatch.delenv("XENT_KERNELS", raising=False)
    chosen = {dtype: backend_for(np.zeros((1, 1), dtype)).name for dtype in ("f2", "f4", "f8", ">f8", "i8")}
    assert chosen == {"f2": "native", "f4": "native", "f8": "native", ">f8": "numpy", "i8": "numpy"}
    monkeypatch.setenv("XENT_KERNELS", "numpy")
    assert backend_for(np.zeros((1, 1))).name == "numpy"
    monkeypatch.setenv("XENT_KERNELS", "fast")
    with pytest.raises(ValueError, match="XENT_KERNELS must be numpy or native; got 'fast'\n\nhint: "):
        backend_for(np.zeros((1, 1)))


def test_threads_are_those_that_were_asked_for(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert native.threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert native.threads() == cores
    monkeypatch.setitem(sys.modules, "torch", type("torch", (), {"get_num_threads": staticmethod(lambda: 5)}))
    assert native.threads() == 5


def run_python(code, **environment):
    """Run code in a fresh interpreter; return what it printed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("XENT_")}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("cap", LEVELS)
def test_every_level_of_this_machine_passes_these_tests(cap):
    """Run this file again on a lower level, but for what needs no level."""
    if os.environ.get("XENT_ISA"):
        pytest.skip("already on a chosen level")
    level = run_python("from xent.kernels import native; print(native.level)", XENT_ISA=cap)
    assert LEVELS.index(level) <= LEVELS.index(cap)
    if level == native.level or level != cap:
        return
    told = run_python(
        f"""
        import sys
        import pytest
        chosen = "specification or bits or ulp or lose or exact"
        sys.exit(pytest.main([{str(Path(__file__))!r}, "-q", "-x", "-p", "no:cacheprovider", "-k", chosen]))
        """,
        XENT_ISA=cap,
    )
    assert "passed" in told


def test_an_unknown_level_is_refused():
    message = run_python(
        """
        try:
            from xent.kernels import native
        except ValueError as error:
            print(error)
        """,
        XENT_ISA="avx",
    )
    assert "XENT_ISA must be baseline, v3 or v4; got 'avx'" in message


HIDDEN = """
    import sys, warnings
    import numpy as np
    sys.modules["xent.kernels._native"] = None
    warnings.simplefilter("always")
    with warnings.catch_warnings(record=True) as caught:
        import xent.kernels
        assert not caught, "importing must not warn"
        names = {xent.kernels.backend_for(np.zeros((1, 1))).name for _ in range(3)}
        print(names, [w.category.__name__ for w in caught], *[w.message for w in caught])
"""


def test_without_the_compiled_core_a_process_is_warned_once():
    told = run_python(HIDDEN)
    assert told.startswith("{'numpy'} ['SlowKernelsWarning'] xent.kernels: ")
    assert "hint: install a C++17 compiler" in told
    assert run_python(HIDDEN, XENT_KERNELS="numpy") == "{'numpy'} []"


def test_without_the_compiled_core_it_cannot_be_asked_for():
    told = run_python(
        """
        import sys
        import numpy as np
        sys.modules["xent.kernels._native"] = None
        from xent.kernels import backend_for
        try:
            backend_for(np.zeros((1, 1)))
        except ImportError as error:
            print(error)
        """,
        XENT_KERNELS="native",
    )
    assert "XENT_KERNELS=native must find the compiled core" in told


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_works_alone_rather_than_waiting_for_lost_threads():
    told = run_python(
        """
        import os, signal, warnings
        import numpy as np
        from xent.kernels import native
        warnings.simplefilter("ignore")
        logits = np.random.default_rng(0).normal(size=(1000, 1000))
        before = native.row_stats(logits).log_sum
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            same = (native.row_stats(logits).log_sum == before).all()
            os._exit(0 if same and native.threads() == 1 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), native.threads())
        """,
        OMP_NUM_THREADS="2",
    )
    assert told == "0 2"


def test_importing_the_kernels_loads_numpy_alone():
    loaded = run_python(
        """
        import sys
        import xent.kernels
        xent.kernels.backend_for(__import__("numpy").zeros((1, 1), "f4"))
        print(sorted({m.partition(".")[0] for m in sys.modules} & {"scipy", "torch", "sklearn", "pyarrow", "jax"}))
        """
    )
    assert loaded == "[]"
