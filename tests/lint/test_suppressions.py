"""``# noqa``: where it counts, what it silences, and what is said when it silences nothing."""

import pytest

from xent.lint.config import Config
from xent.lint.engine import find, lint_paths
from xent.lint.fixes import mend

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.fixture
def found(write):
    def found(text, **config):
        write({"a.py": text})
        report = lint_paths(["a.py"], Config(**config))
        return [(reported.finding.place.line, reported.finding.code) for reported in report.findings]

    return found


@pytest.mark.parametrize(
    "text",
    [
        "bad()  # noqa",
        "bad()  # NOQA:XE101",
        "bad()  #noqa : xe101",
        "bad()  # noqa: E501, XE101",
        "bad()  # noqa: E501 XE101 because it is known",
        "bad()  # type: ignore  # noqa: XE101",
        "x = (\n  1,  \n  bad(\n    2),\n)  # noqa: XE101",
        "x = (  # noqa: XE101\n  1,\n  bad(\n    2),\n)",
        "x = [\n  bad(\n    2\n  ),  # noqa: XE101\n]",
        "x = '''\n''' + bad() + '''\n'''  # noqa: XE101",
        "if bad(\n  1\n):  # noqa: XE101\n  pass",
        "def f(\n  x=bad(),\n):  # noqa: XE101\n  # a comment\n\n  return x",
        "@d(\n  bad()\n)\n@e\ndef f(): ...  # noqa: XE101",
        "@d(  # noqa: XE101\n  bad()\n)\ndef f():\n  return 1",
        "match bad():  # noqa: XE101\n  case 1: pass",
        "try:\n  pass\nexcept bad():  # noqa: XE101\n  pass",
        "é = '🙂'; bad()  # noqa: XE101",
        "\x0cbad()  # noqa: XE101",
    ],
)
def test_silenced(text, found):
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bad()  # noqa: E501", [(1, "XE101")]),
        ("bad()  # noqa: because", [(1, "XE101")]),
        ("bad()  # noqa:", [(1, "XE101")]),
        ("bad()  # noqatall", [(1, "XE101")]),
        ("bad()  # ruff: noqa: XE101", [(1, "XE101")]),
        ("x = '# noqa: XE101', bad()", [(1, "XE101")]),
        ("if x:  # noqa: XE101\n  bad()", [(1, "XE001"), (2, "XE101")]),
        ("if x:\n  bad()\n  y = 1  # noqa: XE101", [(2, "XE101"), (3, "XE001")]),
        ("x = (  \n  1,  # noqa: XE101\n  bad(),\n)", [(2, "XE001"), (3, "XE101")]),
        ("x = 1  # noqa: XE101", [(1, "XE001")]),
        ("x = 1  # noqa: XE999", [(1, "XE001")]),
        ("x = 1  # noqa: F401, E501", []),
        ("x = 1  # noqa", []),
        ("bad()  # noqa: XE101, XE002", [(1, "XE001")]),
        ("x = 1  # noqa: XE101, XE001", []),
    ],
)
def test_not_silenced(text, wanted, found):
    assert found(text) == wanted


def test_what_was_not_looked_for_is_not_unused(found):
    assert found("x = 1  # noqa: XE101", ignore=("XE101",)) == []
    assert found("x = 1  # noqa: XE101", per_file_ignores={"a.py": ("XE101",)}) == []
    assert found("x = 1  # noqa: XE101", ignore=("XE001",)) == []
    assert found("x = 1  # noqa: XE999", ignore=("XE101",)) == [(1, "XE001")]


def test_the_message_says_why(write):
    write({"a.py": "x = 1  # noqa: XE101\ny = 1  # noqa: XE998, XE999"})
    assert [reported.finding.message for reported in lint_paths(["a.py"]).findings] == [
        "unused noqa of XE101: it silences nothing",
        "unused noqa of XE998, XE999: there is no rule XE998, XE999",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # noqa: XE101\n", "x = 1\n"),
        ("x = 1  # noqa: XE101, F401\n", "x = 1  # noqa: F401\n"),
        ("x = 1  # noqa: XE101  # type: ignore\n", "x = 1  # type: ignore\n"),
        ("x = 1  # type: ignore # noqa:XE101\n", "x = 1  # type: ignore\n"),
        ("x = 1  # noqa: XE101 as said\n", "x = 1  # as said\n"),
        ("bad()  # noqa: XE101, XE999\n", "bad()  # noqa: XE101\n"),
    ],
)
def test_an_unused_comment_is_mended(before, after, write):
    write({"a.py": before})
    assert mend(find(["a.py"], Config()), Config(), 1, unsafe=False).contents == {"a.py": after.encode()}


def test_a_notebooks_cells(write):
    write(
        {"n.ipynb": '{"cells": [{"cell_type": "code", "source": ["%magic\\n", "bad()  # noqa: XE101\\n", "bad()"]}]}'}
    )
    assert [str(reported.spot) for reported in lint_paths(["n.ipynb"]).findings] == ["n.ipynb:cell 1:3:1"]
