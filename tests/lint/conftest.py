"""A stand-in for the analysis, for tests of everything around it."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

STAND_IN = Path(__file__).parent / "stand_in"


@pytest.fixture
def stand_in(monkeypatch):
    """Findings that a file asks for by what it calls; also in processes that the test starts."""
    spec = importlib.util.spec_from_file_location("xent.lint.analysis", STAND_IN / "analysis.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "xent.lint.analysis", module)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(STAND_IN), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return module


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, with no settings above it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here):
    """Write files by name, text as UTF-8, and return the first one's path."""

    def write(files):
        for name, content in files.items():
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return next(iter(files))

    return write
