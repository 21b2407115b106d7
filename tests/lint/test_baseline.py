"""The baseline: what is known does not fail, what is new does, what is gone is said."""

import json

import pytest

from xent.errors import DataError, OptionError
from xent.lint.baseline import apply_baseline, write_baseline
from xent.lint.config import Config
from xent.lint.engine import find, lint_files, lint_paths
from xent.lint.report import Gone

pytestmark = pytest.mark.usefixtures("stand_in")


def known():
    return Config(baseline="known.json")


@pytest.fixture
def baseline(here):
    """Write the baseline of paths as they are now."""

    def baseline(*paths):
        found = find(paths, Config())
        return write_baseline(lint_files(found, Config()), here / "known.json", found.files)

    return baseline


def test_what_is_known_does_not_count(write, baseline):
    write({"a.py": "bad(1)\nbad(2)\n", "b/c.py": "bad(1)"})
    assert baseline(".") == 3
    report = lint_paths(["."], known())
    assert (report.findings, report.n_known, report.gone) == ((), 3, ())


def test_moved_lines_are_known_and_new_ones_are_not(write, baseline):
    write({"a.py": "bad(1)\nbad(2)\n"})
    baseline(".")
    write({"a.py": "# new\nbad(2)\n\nif x:\n    bad(1)\nbad(1)\n"})
    report = lint_paths(["a.py"], known())
    assert [str(reported.spot) for reported in report.findings] == ["a.py:6:1"]
    assert report.n_known == 2


def test_what_is_gone_is_said(write, here, baseline):
    write({"a.py": "bad(1)\nbad(2)\n", "b.py": "bad(3)", "c.py": "bad(4)"})
    baseline(".")
    write({"a.py": "bad(2)"})
    (here / "b.py").unlink()
    gone = (Gone("a.py", "XE101", "bad(1)"), Gone("b.py", "XE101", "bad(3)"))
    assert lint_paths(["."], known()).gone == gone
    assert lint_paths(["a.py"], known()).gone == gone
    assert lint_paths(["c.py"], known()).gone == gone[1:]


def test_a_baseline_of_a_part_keeps_the_rest(write, here, baseline):
    write({"a.py": "bad(1)", "b.py": "bad(2)", "c.py": "bad(3)"})
    baseline(".")
    write({"a.py": "x = 1"})
    (here / "c.py").unlink()
    assert baseline("a.py") == 1
    assert [entry["path"] for entry in json.loads((here / "known.json").read_text())["findings"]] == ["b.py"]


def test_paths_are_seen_from_the_baseline(write, here, baseline, monkeypatch):
    write({"sub/a.py": "bad(1)"})
    baseline("sub")
    monkeypatch.chdir(here / "sub")
    for path in (".", "a.py", str(here)):
        assert lint_paths([path], Config(baseline=str(here / "known.json"))).n_known == 1


def test_a_baseline_is_written_the_same_each_time(write, here, baseline):
    write({"b.py": "bad(1)\nbad(1)", "a.py": "bad(2)"})
    baseline(".")
    first = (here / "known.json").read_bytes()
    baseline("b.py", "a.py")
    assert (here / "known.json").read_bytes() == first
    content = json.loads(first)
    assert content["schema"] == "xent.lint.baseline/1"
    assert [(entry["path"], entry["code"], entry["text"]) for entry in content["findings"]] == [
        ("a.py", "XE101", "bad(2)"),
        ("b.py", "XE101", "bad(1)"),
        ("b.py", "XE101", "bad(1)"),
    ]


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (None, "must exist; got no file"),
        ("{", "must be a baseline; got: Expecting property name"),
        ("[]", "must be a baseline; got: list indices"),
        ('{"schema": 7}', "must be a baseline; got: its schema is 7, not xent.lint.baseline/1"),
        ('{"schema": "xent.lint.baseline/1", "findings": [{}]}', "must be a baseline; got: 'path'"),
        (b"\xff", "must be a baseline; got: 'utf-8' codec"),
        ("[" * 100_000, "must be a baseline; got: maximum recursion"),
    ],
)
def test_what_is_no_baseline_is_refused(content, got, write, here):
    write({"a.py": "", **({} if content is None else {"known.json": content})})
    with pytest.raises(OptionError) as caught:
        lint_paths(["a.py"], known())
    assert caught.value.problem.startswith(f"--baseline {here / 'known.json'} {got}")
    assert "\n" not in caught.value.problem


def test_a_baseline_that_cannot_be_written(write, here):
    write({"a.py": ""})
    report = lint_paths(["a.py"])
    with pytest.raises(DataError, match="must be writable; got No such file or directory"):
        write_baseline(report, here / "none/known.json", ["a.py"])


def test_a_report_is_left_as_it_is_where_nothing_is_known(write, here, baseline):
    write({"a.py": "x = 1"})
    baseline(".")
    write({"a.py": "bad()"})
    report = lint_paths(["a.py"])
    assert apply_baseline(report, here / "known.json", ["a.py"]) == report
