"""A run: every file has its say, whatever the others do, in one order."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xent
from xent.errors import OptionError
from xent.lint import engine
from xent.lint.config import Config
from xent.lint.engine import find, lint_files, lint_paths
from xent.lint.report import ReportedFinding

pytestmark = pytest.mark.usefixtures("stand_in")


def lines(report):
    return [f"{reported.spot} {reported.finding.code} {reported.finding.message}" for reported in report.findings]


FILES = {
    "a.py": "bad()\n\nbad()\n",
    "broken.py": "def f(:\n",
    "crash.py": "bad()\ncrash()\n",
    "deep.py": "recurse()\n",
    "latin.py": b"x = '\xe9'",
    "n.ipynb": '{"cells": [{"cell_type": "code", "source": "x = 1\\nbad()"}]}',
    "z/ok.py": "x = 1",
}
FOUND = [
    "a.py:1:1 XE101 softmax before a cross-entropy",
    "a.py:3:1 XE101 softmax before a cross-entropy",
    f"broken.py:1:1 XE002 not checked: is no Python 3.{sys.version_info.minor}: invalid syntax",
    r"crash.py:1:1 XE003 not checked: internal error, please report (RuntimeError: two lines {} at analysis.py:{})",
    "deep.py:1:1 XE002 not checked: is nested too deeply to be followed",
    "latin.py:1:1 XE002 not checked: is not UTF-8: byte 0xe9; declare the encoding it has",
    "n.ipynb:cell 1:2:1 XE101 softmax before a cross-entropy",
]


def without_places(texts):
    import re

    return [re.sub(r"two lines .* at analysis.py:\d+", "two lines {} at analysis.py:{}", text) for text in texts]


def test_every_file_has_its_say(write):
    write(FILES)
    report = lint_paths(["."])
    assert without_places(lines(report)) == FOUND
    assert report.n_files == len(FILES)
    assert report.counts() == {"error": 7, "warning": 0, "info": 0}


def test_several_processes_find_the_same(write, monkeypatch):
    monkeypatch.setattr(engine, "_FEW", 0)
    write(FILES)
    write({f"m{n}.py": "bad()" for n in range(20)})
    one, two = lint_paths(["."]), lint_paths(["."], jobs=2)
    assert two == one
    assert len(one.findings) == len(FOUND) + 20


def test_a_process_that_dies_takes_one_file_with_it(write, monkeypatch):
    monkeypatch.setattr(engine, "_FEW", 0)
    monkeypatch.setattr(engine, "_CHUNK", 2)
    write({"a.py": "bad()", "b.py": "die()", "c.py": "bad()", "d.py": "x = 1"})
    assert lines(lint_paths(["."], jobs=2)) == [
        "a.py:1:1 XE101 softmax before a cross-entropy",
        "b.py:1:1 XE003 not checked: internal error, please report (the process died)",
        "c.py:1:1 XE101 softmax before a cross-entropy",
    ]


def test_what_says_that_a_file_was_not_checked_holds_whatever_is_selected(write):
    write(FILES)
    codes = [reported.finding.code for reported in lint_paths(["."], Config(select=("XE001",))).findings]
    assert codes == ["XE002", "XE003", "XE002", "XE002"]
    assert lint_paths(["."], Config(select=("XE001",), ignore=("XE00",))).findings == ()
    ignoring = Config(select=("XE001",), per_file_ignores={"[bcd]*.py": ("XE00",)})
    assert [reported.spot.path for reported in lint_paths(["."], ignoring).findings] == ["latin.py"]


def test_a_folder_that_cannot_be_read_is_a_finding(write, monkeypatch):
    write({"a/b.py": "", "c.py": ""})
    scan = os.scandir

    def scandir(folder):
        if folder == "a":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert lines(lint_paths(["."])) == ["a:1:1 XE002 not checked: cannot be read: Permission denied"]


def test_a_broken_cell_is_named(write):
    write(
        {"n.ipynb": '{"cells": [{"cell_type": "code", "source": "x = 1"}, {"cell_type": "code", "source": "\\n(x ="}]}'}
    )
    [line] = lines(lint_paths(["n.ipynb"]))
    assert line.startswith("n.ipynb:cell 2:2:1 XE002 not checked: is no Python ")


def test_contents_stand_for_files(write):
    write({"a.py": "bad()"})
    found = find(["a.py"], Config())
    assert lint_files(found, Config(), contents={"a.py": b"x = 1"}).findings == ()
    assert len(lint_files(found, Config()).findings) == 1


def test_jobs_must_be_positive(write):
    write({"a.py": ""})
    with pytest.raises(OptionError, match=r"--jobs must be at least 1; got 0"):
        lint_paths(["a.py"], jobs=0)


def test_an_interrupt_ends_every_process(write, here):
    """The console script's own way: SIGINT to the whole group, as a terminal sends it."""
    write({f"m{n}.py": "wait()" for n in range(engine._FEW)})
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([os.environ["PYTHONPATH"], str(Path(xent.__file__).parents[1])])}
    command = [sys.executable, "-m", "xent", "lint", ".", "--jobs", "2"]
    process = subprocess.Popen(
        command, cwd=here, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (here / "waiting").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "xent: interrupted; nothing was written\n"


# Fingerprints ---------------------------------------------------------------------------------------------------------


def fingerprints(text, write):
    write({"a.py": text})
    return [reported.fingerprint for reported in lint_paths(["a.py"]).findings]


LINES = st.lists(st.sampled_from(["bad(1)", "bad(2)", "x = 1", "", "mend(3)", "# text"]), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(program=LINES, data=st.data())
def test_fingerprints_survive_what_happens_elsewhere(program, data, write):
    before = fingerprints("\n".join(program), write)
    assert len(set(before)) == len(before)
    other = ["", "y = 2", "# more", "def g(): pass"]
    moved = []
    for line in program:
        moved += data.draw(st.lists(st.sampled_from(other), max_size=2))
        moved.append(data.draw(st.sampled_from([line, line.replace("(", "( "), line + "  "])))
    assert fingerprints("\n".join(moved), write) == before


def test_fingerprints_tell_lines_apart(write):
    assert len(set(fingerprints("bad(1)\nbad(2)\nbad(1)\nmend(1)", write))) == 4


# Hostile input --------------------------------------------------------------------------------------------------------


def real_sources():
    files = sorted(Path(os.__file__).parent.glob("*.py"))
    return [path.read_bytes() for path in random.Random(0).sample(files, 12)]


SOURCES = real_sources()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    content=st.sampled_from(SOURCES),
    cut=st.integers(0, 60_000),
    torn=st.binary(max_size=6),
    name=st.sampled_from(["a.py", "a.ipynb"]),
)
def test_torn_files_never_stop_a_run(content, cut, torn, name, write):
    write({name: content[:cut] + torn, "z.py": "bad()"})
    found = lint_paths([name, "z.py"]).findings
    assert isinstance(found[-1], ReportedFinding)
    assert found[-1].spot.path == "z.py"
    assert {reported.finding.code for reported in found} <= {"XE101", "XE002"}
    assert all("\n" not in line for line in lines(lint_paths([name])))


# Findings in other files than the one whose check found them ----------------------------------------------------------


def test_a_finding_belongs_to_the_file_it_stands_in(write):
    write(
        {
            "a.py": "elsewhere('m.py')",
            "b.py": "elsewhere('m.py')",
            "m.py": "bad()\nbad()",
            "s.py": "x = 1  # noqa: XE101",
            "z.py": "elsewhere('s.py')",
        }
    )
    assert lines(lint_paths(["."])) == [
        "m.py:1:1 XE101 from a.py",
        "m.py:1:1 XE101 softmax before a cross-entropy",
        "m.py:2:1 XE101 softmax before a cross-entropy",
    ]
    assert lines(lint_paths(["a.py"])) == ["m.py:1:1 XE101 from a.py"]
    assert lines(lint_paths(["z.py"])) == []
    assert lint_paths(["."], Config(per_file_ignores={"m.py": ("XE1",)})).findings == ()


def test_what_is_excluded_stays_so(write):
    write({"a.py": "elsewhere('gen/m.py')", "gen/m.py": "x = 1"})
    assert lines(lint_paths(["."])) == ["gen/m.py:1:1 XE101 from a.py"]
    assert lines(lint_paths(["."], Config(exclude=("gen",)))) == []


def test_an_analysis_that_failed_is_not_used_again(write, stand_in, monkeypatch):
    made = []
    begin = stand_in.Analysis.__init__
    monkeypatch.setattr(stand_in.Analysis, "__init__", lambda self, tree: made.append(begin(self, tree)))
    write({"a.py": "crash()", "b.py": "bad()", "c.py": "bad()"})
    assert len(lint_paths(["."]).findings) == 3
    assert len(made) == 2
    monkeypatch.setattr(engine, "_FORGET", 1)
    lint_paths(["b.py", "c.py"])
    assert len(made) == 4
