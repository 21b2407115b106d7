"""What is printed: each format says the same, and no byte of a source reaches a terminal as a command."""

import json
import re
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.lint.catalogue import catalogue
from xent.lint.engine import lint_paths
from xent.lint.finding import Edit, Finding, Fix, Place, Step
from xent.lint.formats import FORMATS, formatted, statistics
from xent.lint.formats.terminal import printable, width
from xent.lint.notebook import Cell
from xent.lint.report import Gone, Report, ReportedFinding, reported

from .sarif_schema import LOG

pytestmark = pytest.mark.usefixtures("stand_in")

#: Clears the screen, sets a title, moves the cursor, turns the writing, ends the line.
HOSTILE = "\x1b[2J\x1b]0;x\x07\x9b1A\u202e\u2066\r\n\x08\x7f\u2028::error::%0A"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066\u2028]")


def report_of(*findings, lines=(), cells=(), **more):
    return Report(tuple(reported(findings, list(lines), cells)), 3, **more)


def place(line=1, column=1, end_line=None, end_column=None, path="a.py"):
    return Place(path, line, column, end_line or line, end_column or column + 1)


FIX = Fix("drop the softmax", (Edit(place(2, 5, 2, 6), "y"),), safe=True)
FINDING = Finding(
    "XE101",
    "error",
    place(2, 5, 2, 12),
    "softmax before it",
    (Step("head is made", place(1, 1, 1, 4, "m.py")), Step("it is called", place(2, 5, 2, 12))),
    FIX,
)
LINES = ["import x", "y = f(x, z)", ""]


def test_text():
    assert formatted(report_of(FINDING, lines=LINES), "text") == (
        "a.py:2:5 XE101 softmax before it\n"
        "  |\n"
        "2 | y = f(x, z)\n"
        "  |     ^^^^^^^\n"
        "  1. m.py:1  head is made\n"
        "  2. a.py:2  it is called\n"
        "  = fix: drop the softmax (--fix)\n"
    )


def test_concise_and_what_is_gone():
    report = report_of(FINDING, lines=LINES, gone=(Gone("b.py", "XE102", "loss(p)"),))
    assert formatted(report, "concise") == (
        "a.py:2:5 XE101 softmax before it\nb.py XE102 gone from the baseline: loss(p)\n"
    )
    assert formatted(report, "text").endswith("(--fix)\n\nb.py XE102 gone from the baseline: loss(p)\n")
    assert formatted(Report((), 3), "text") == formatted(Report((), 3), "concise") == ""


@pytest.mark.parametrize(
    ("line", "start", "end", "shown", "marks"),
    [
        ("\tf(x)", 2, 6, "    f(x)", "    ^^^^"),
        ("日本 = f(x)", 6, 10, "日本 = f(x)", "       ^^^^"),
        ("x = '日本'", 5, 9, "x = '日本'", "    ^^^^^^"),
        ("e\u0301 = f(x)", 6, 10, "e\u0301 = f(x)", "    ^^^^"),
        ("'\x1b' + f(x)", 7, 11, r"'\x1b' + f(x)", "         ^^^^"),
        ("f(x)", 1, 1, "f(x)", "^"),
        ("f(x)", 9, 12, "f(x)", "    ^"),
    ],
)
def test_the_carets_stand_under_the_place(line, start, end, shown, marks):
    finding = Finding("XE101", "error", place(1, start, 1, end), "x")
    assert formatted(report_of(finding, lines=[line]), "text").splitlines()[2:] == [f"1 | {shown}", f"  | {marks}"]


@given(
    st.text("ab日 \t\x1b'()", max_size=20), st.text("xy日\x1b", min_size=1, max_size=6), st.text("ab日", max_size=300)
)
def test_the_carets_are_as_wide_as_the_place(before, inside, after):
    finding = Finding("XE101", "error", place(1, len(before) + 1, 1, len(before) + len(inside) + 1), "x")
    _, _, shown, marks = formatted(report_of(finding, lines=[before + inside + after]), "text").splitlines()
    start, end = marks.index("^"), len(marks)
    columns = [letter for letter in shown for _ in range(width(letter))]
    assert len("".join(columns[start:end])) == width(printable(inside))
    assert columns[start] == printable(inside)[0]
    assert columns[end - 1] == printable(inside)[-1]


def test_a_place_over_lines_and_a_line_too_long():
    finding = Finding("XE101", "error", place(1, 5, 3, 2), "x")
    text = formatted(report_of(finding, lines=["y = f(", "  x", ")"]), "text")
    assert text.splitlines()[2:] == ["1 | y = f(", "  |     ^^ …"]
    long = "a" * 5000 + "BAD" + "c" * 5000
    text = formatted(report_of(Finding("XE101", "error", place(1, 5001, 1, 5004), "x"), lines=[long]), "text")
    _, _, shown, marks = text.splitlines()
    assert len(shown) < 140
    assert shown[marks.index("^") : len(marks)] == "BAD"


def test_colours_only_when_wanted():
    report = report_of(FINDING, lines=LINES)
    coloured = formatted(report, "text", colour=True)
    assert "\x1b[1;31mXE101\x1b[0m" in coloured
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == formatted(report, "text")
    for name in ("json", "github", "sarif"):
        assert formatted(report, name, colour=True) == formatted(report, name)


def test_json():
    data = json.loads(formatted(report_of(FINDING, lines=LINES, n_known=4, gone=(Gone("b.py", "XE102", "l"),)), "json"))
    where = {"path": "a.py", "cell": None, "line": 2, "column": 5, "end_line": 2, "end_column": 12}
    [found] = data.pop("findings")
    assert data == {
        "schema": "xent.lint/1",
        "files": 3,
        "counts": {"error": 1, "warning": 0, "info": 0},
        "known": 4,
        "gone": [{"path": "b.py", "code": "XE102", "text": "l"}],
    }
    assert re.fullmatch("[0-9a-f]{32}", found.pop("fingerprint"))
    assert found == {
        "code": "XE101",
        "name": catalogue()["XE101"].name,
        "severity": "error",
        "message": "softmax before it",
        **where,
        "evidence": [
            {
                "text": "head is made",
                "path": "m.py",
                "cell": None,
                "line": 1,
                "column": 1,
                "end_line": 1,
                "end_column": 4,
            },
            {"text": "it is called", **where},
        ],
        "fix": {
            "what": "drop the softmax",
            "safe": True,
            "edits": [{"replacement": "y", **where, "end_column": 6}],
        },
        "url": catalogue()["XE101"].url,
    }


def test_github():
    assert formatted(report_of(FINDING, lines=LINES), "github") == (
        "::error file=a.py,title=xent XE101,line=2,endLine=2,col=5,endColumn=12::"
        "a.py:2:5 XE101 softmax before it%0A1. m.py:1 head is made%0A2. a.py:2 it is called\n"
    )
    odd = Finding("XE107", "info", place(1, 1, 2, 3, "a,b:c%.py"), "100%")
    assert formatted(report_of(odd, lines=["f(", ")"]), "github") == (
        "::notice file=a%2Cb%3Ac%25.py,title=xent XE107,line=1,endLine=2::a,b:c%25.py:1:1 XE107 100%25\n"
    )


def sarif_of(report):
    log = json.loads(formatted(report, "sarif"))
    jsonschema.Draft7Validator(LOG, format_checker=jsonschema.FormatChecker()).validate(log)
    [run] = log["runs"]
    return run


def test_sarif():
    run = sarif_of(report_of(FINDING, lines=LINES))
    [result] = run["results"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (rule["id"], rule["helpUri"]) == ("XE101", catalogue()["XE101"].url)
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(catalogue())
    assert run["columnKind"] == "unicodeCodePoints"
    [location] = result["locations"]
    region = {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 12}
    assert location["physicalLocation"] == {"artifactLocation": {"uri": "a.py"}, "region": region}
    [flow] = result["codeFlows"]
    steps = [each["location"] for each in flow["threadFlows"][0]["locations"]]
    assert [step["message"]["text"] for step in steps] == ["head is made", "it is called", "softmax before it"]
    assert steps[0]["physicalLocation"]["artifactLocation"]["uri"] == "m.py"
    [fix] = result["fixes"]
    [change] = fix["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 6},
            "insertedContent": {"text": "y"},
        }
    ]


def test_sarif_levels_and_files(here):
    paths = ["sub/é ü.py", "../x.py", "a\udcff.py", "a#b?c%d.py"]
    severities = ["error", "warning", "info", "error"]
    findings = [
        Finding("XE101", severity, place(path=path), "x") for path, severity in zip(paths, severities, strict=True)
    ]
    run = sarif_of(Report(tuple(one for finding in findings for one in reported([finding], ["x"], ())), 4))
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note", "error"]
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]]
    assert uris[0] == "sub/%C3%A9%20%C3%BC.py"
    assert uris[1] == f"file://{here.parent}/x.py"
    assert uris[2] == "a%FF.py"
    assert unquote(uris[3]) == "a#b?c%d.py"
    assert "#" not in uris[3]


def test_notebooks_in_every_format():
    finding = Finding("XE101", "error", place(4, 3, 4, 5, "n.ipynb"), "x", (Step("s", place(1, path="n.ipynb")),), FIX)
    report = report_of(finding, lines=["a", "b", "", "  ff"], cells=(Cell(2, 1, 2), Cell(5, 3, 2)))
    assert formatted(report, "concise") == "n.ipynb:cell 5:2:3 XE101 x\n"
    assert formatted(report, "text").splitlines()[2:5] == ["2 |   ff", "  |   ^^", "  1. n.ipynb:cell 2:1  s"]
    [found] = json.loads(formatted(report, "json"))["findings"]
    assert (found["cell"], found["line"], found["end_line"]) == (5, 2, 2)
    assert (found["evidence"][0]["cell"], found["evidence"][0]["line"]) == (2, 1)
    assert formatted(report, "github").startswith("::error file=n.ipynb,title=xent XE101::n.ipynb:cell 5:2:3 XE101 x")
    [result] = sarif_of(report)["results"]
    assert result["locations"][0]["logicalLocations"] == [{"name": "cell 5", "kind": "module"}]
    assert "fixes" not in result


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_hostile_is_printed_as_it_is(name):
    """In a path, a message, a line, a step, a fix, an entry of the baseline."""
    step = Step(HOSTILE, place(path=HOSTILE))
    finding = Finding("XE101", "error", place(1, 1, 1, 9, HOSTILE), HOSTILE, (step,), Fix(HOSTILE, (), True))
    text = formatted(report_of(finding, lines=[HOSTILE], gone=(Gone(HOSTILE, "XE101", HOSTILE),)), name)
    assert not OBEYED.search(text)
    assert text.count("\n::") == 0


@given(st.text())
def test_printable(text):
    shown = printable(text)
    assert not OBEYED.search(shown)
    assert "\n" not in shown
    shown.encode()
    if text.isascii() and text.isprintable():
        assert shown == text


WORDS = st.text(max_size=12)


@settings(max_examples=60)
@given(st.lists(st.tuples(WORDS, WORDS, st.integers(1, 4), st.integers(1, 30)), max_size=4))
def test_every_format_takes_every_finding(rows):
    findings = [
        Finding(
            "XE101", "warning", Place(path or "a", line, column, line, column + 2), message, (Step(message, place()),)
        )
        for path, message, line, column in rows
    ]
    report = report_of(*findings, lines=["ab", "\tcd", "é日", ""])
    for name in FORMATS:
        text = formatted(report, name)
        assert not OBEYED.search(text)
        if name == "sarif":
            assert len(sarif_of(report)["results"]) == len(rows)
        if name in ("concise", "github"):
            assert text.count("\n") == len(rows)


def test_statistics(write):
    write({"a.py": "bad()\nbad()\nmend(x)\n# noqa: XE102", "b.py": "x ="})
    report = lint_paths(["."])
    assert statistics(report, "text") == (
        f"3  XE101  [fix]  {catalogue()['XE101'].name}\n"
        "1  XE001  [fix]  unused-noqa\n1  XE002         unreadable-file\n"
    )
    assert json.loads(statistics(report, "json"))[0] == {
        "code": "XE101",
        "name": catalogue()["XE101"].name,
        "severity": catalogue()["XE101"].severity,
        "count": 3,
        "fixable": 1,
    }
    assert statistics(Report((), 1), "text") == ""
    assert isinstance(report.findings[0], ReportedFinding)


def test_the_same_run_prints_the_same(write):
    write({f"{name}.py": "bad()\nmend(1)" for name in "zyxab"})
    first = [formatted(lint_paths(["."]), name) for name in FORMATS]
    assert [formatted(lint_paths(["."]), name) for name in FORMATS] == first
