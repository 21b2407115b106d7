"""The compiled kernels refuse what would leave an array, and take the level and the threads that they are told to."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from xent.kernels import backend_for
from xent.kernels import numpy as spec

native = pytest.importorskip("xent.kernels.native", reason="the C++ core was not built")

LEVELS = ("baseline", "v3", "v4")


# ---- safety ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [4, 2**40])
def test_a_target_beyond_the_classes_is_refused(bad):
    logits, target = np.zeros((3, 4)), np.array([0, 3, bad])
    ones, tables = np.ones(3), np.zeros((3, 4, len(spec.odds_edges(2))))
    for call in (
        lambda: native.row_stats(logits, target),
        lambda: native.row_grad(logits, ones, ones, target),
        lambda: native.row_stats_and_grad(logits, ones, ones, target),
        lambda: native.row_scores(logits, target),
        lambda: native.class_histogram(logits, target, None, *tables, bits=2),
    ):
        with pytest.raises(IndexError, match=rf"target must lie in 0 … 3; got {bad} at row 2\n\nhint: "):
            call()
    assert not tables.any()


def test_a_missing_target_is_refused_where_one_is_needed():
    with pytest.raises(IndexError, match="got -1 at row 1"):
        native.row_scores(np.zeros((2, 3)), np.array([0, -1]))


def test_any_negative_target_is_none_to_the_rows_of_a_loss():
    logits = np.random.default_rng(0).normal(size=(4, 3))
    ones, target = np.ones(4), np.array([-100, -1, 2, -(2**60)])
    for kernels in (native, spec):
        stats, dlogits = kernels.row_stats_and_grad(logits, ones, ones, target)
        np.testing.assert_array_equal(stats.target_logit[[0, 1, 3]], 0.0)
        np.testing.assert_allclose(dlogits.sum(axis=1), [1, 1, 2, 1], rtol=1e-14)


def test_arrays_of_the_wrong_size_are_refused():
    logits, ones, images = np.zeros((3, 4)), np.ones(3), np.zeros((2, 3, 4))
    short = native.row_stats(logits[:2])
    for call in (
        lambda: native.row_stats(logits, np.zeros(2, int)),
        lambda: native.row_stats(logits, np.zeros((3, 5))),
        lambda: native.row_stats(images, np.zeros(3, int)),
        lambda: native.row_stats(images, np.zeros((6, 4))),
        lambda: native.row_stats(logits, None, ones),
        lambda: native.row_stats(logits, offset=ones),
        lambda: native.row_grad(logits, ones, ones[:2]),
        lambda: native.row_grad(logits, ones[:, None], ones),
        lambda: native.row_grad(logits, ones, ones, None, ones[:2], np.ones(4)),
        lambda: native.row_grad(logits, ones, ones, stats=short),
        lambda: native.row_stats_and_grad(images, ones, ones),
        lambda: native.row_scores(logits, np.zeros(2, int)),
        lambda: native.class_histogram(logits, np.zeros(3, int), None, *np.zeros((3, 4, 7)), bits=2),
        lambda: native.class_histogram(logits, np.zeros(3, int), ones[:2], *np.zeros((3, 4, 242)), bits=2),
    ):
        with pytest.raises(ValueError, match=r"must have (\d+ entries|shape \(.*\)); got .*\n\nhint: "):
            call()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0), (2, 0, 3)])
def test_no_rows_and_no_classes_are_what_the_specification_says(shape):
    n = int(np.prod(shape[:-1]))
    for dtype in (np.float32, np.float64):
        logits, zeros = np.zeros(shape, dtype), np.zeros(n)
        for kernels in (native, spec):
            stats = kernels.row_stats(logits, np.zeros(n, int) if shape[-1] else None, extras=True)
            np.testing.assert_array_equal(stats.max, np.full(n, -np.inf))
            np.testing.assert_array_equal(stats.log_sum, np.full(n, np.nan))
            np.testing.assert_array_equal(stats.predicted, np.full(n, -1))
            assert kernels.row_grad(logits, zeros, zeros).shape == shape
            assert kernels.row_stats_and_grad(logits, zeros, zeros)[1].dtype == dtype
            assert kernels.row_softmax(logits).shape == shape


# ---- choice ----------------------------------------------------------------------------------------------------------


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
def test_every_level_of_this_machine_passes_the_tests_of_the_kernels(cap):
    if os.environ.get("XENT_ISA"):
        pytest.skip("already on a chosen level")
    level = run_python("from xent.kernels import native; print(native.level)", XENT_ISA=cap)
    assert LEVELS.index(level) <= LEVELS.index(cap)
    if level == native.level or level != cap:
        return
    files = [str(Path(__file__).with_name(f"test_{name}.py")) for name in ("rows", "elements", "evaluate")]
    told = run_python(
        f"""
        import sys
        import pytest
        sys.exit(pytest.main([*{files!r}, "-q", "-x", "-p", "no:cacheprovider"]))
        """,
        XENT_ISA=cap,
    )
    assert " passed" in told and "skipped" not in told


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
