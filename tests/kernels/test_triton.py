"""The Triton kernels, in processes of their own.

Whether triton interprets or compiles is settled when it is first imported, and torch may import it for reasons of its
own: only a fresh process is sure to get the triton that was asked for.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
if importlib.util.find_spec("triton") is None:
    pytest.skip("triton is not installed", allow_module_level=True)

HERE = Path(__file__).parent
ROWS = ["-m", "pytest", str(HERE / "triton_rows.py"), "-q", "-p", "no:cacheprovider"]


def python(*arguments: str, **environment: str) -> str:
    """Return what Python wrote, having run these arguments without a complaint."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRITON_")}
    done = subprocess.run(
        [sys.executable, *arguments], env=clean | environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_in_the_interpreter():
    """Every test of triton_rows.py, without a GPU: the mathematics, the addresses, the masks."""
    summary = python(*ROWS, TRITON_INTERPRET="1")
    assert " passed" in summary and "skipped" not in summary, summary


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_the_gpu():
    summary = python(*ROWS)
    assert " passed" in summary and "skipped" not in summary, summary


@pytest.mark.skipif(sys.platform != "linux", reason="triton brings its assembler along on Linux alone")
def test_they_compile(tmp_path):
    """For an H100, without one too, as they are meant to: 16 bytes at a time, and nothing spilled from registers."""
    output = python("-W", "error", str(HERE / "triton_compile.py"), "90", TRITON_CACHE_DIR=str(tmp_path))
    lines = [json.loads(line) for line in output.splitlines()]
    assert len(lines) == 10
    for line in lines:
        assert line["loads 16 bytes"] or "float64" in line["kernel"], line
        assert line["stack"] == 0, line
