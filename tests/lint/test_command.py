"""``xent lint`` and ``xent rule`` as a user meets them: exit codes, what goes where, wrong use."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import xent
from xent.cli import app
from xent.lint.catalogue import catalogue
from xent.lint.formats import FORMATS
from xent.lint.source import LARGEST

stood_in = pytest.mark.usefixtures("stand_in")
HOME = str(Path(xent.__file__).parents[1])

#: The mistake of XE101 at its plainest, for the tests that run the analysis itself.
BAD = """\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(784, 10), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)
"""


def run(*arguments, stdin=None):
    return CliRunner().invoke(app, ["lint", *arguments], input=stdin)


def outcome(*arguments, stdin=None):
    done = run(*arguments, stdin=stdin)
    return done.exit_code, done.stdout, done.stderr


def process(*arguments, cwd, code="import xent.__main__; xent.__main__.main()", **env):
    """Run the command as a process of its own, with the real analysis."""
    env = {**os.environ, "PYTHONPATH": HOME, **env}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


# The real analysis ----------------------------------------------------------------------------------------------------


def test_a_mistake_is_found_and_shown(write):
    write({"train.py": BAD})
    code, out, err = outcome("train.py")
    first, *frame = out.splitlines()
    assert (code, err) == (1, "1 error in 1 file; --diff --unsafe-fixes shows edits for 1 more\n")
    assert first.startswith("train.py:9:12 XE101 ")
    assert frame[1:3] == [
        "9 |     return criterion(model(images), labels)",
        "  |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    ]
    assert any(line.lstrip().startswith("1. train.py:4 ") for line in frame)


def test_the_guides_example(write):
    """What docs/guide/lint.md shows is what the command prints."""
    guide = Path(__file__).parents[2] / "docs" / "guide" / "lint.md"
    if not guide.exists():
        pytest.skip("installed without the documentation")
    text = guide.read_text("utf-8")
    program, shown = (
        text.split("```py\n")[1].split("```")[0],
        text.split("$ xent lint train.py\n")[1].split("```")[0],
    )
    write({"train.py": program})
    assert outcome("train.py")[1] == shown


def test_no_array_library_is_needed(write, here):
    """Neither loaded nor there; nor is anything of what is checked."""
    write({"train.py": BAD, "ok.py": "import train, torch\nraise SystemExit(9)"})
    block = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("numpy", "torch", "scipy", "sklearn", "jax", "pyarrow", "train"):
            raise ImportError(f"{name} is blocked")
sys.meta_path.insert(0, Blocked())
import xent.__main__
xent.__main__.main()
"""
    done = process("lint", ".", "--format", "concise", cwd=here, code=block)
    assert (done.returncode, done.stderr) == (1, "1 error in 2 files; --diff --unsafe-fixes shows edits for 1 more\n")
    assert done.stdout.startswith("train.py:9:12 XE101 ")
    assert "Traceback" not in done.stderr


def test_the_command_loads_what_typer_loads_and_its_own(here, write):
    """The start is what typer costs: the linter adds modules of its own and of the standard library."""
    write({"a.py": BAD})
    head = """
import atexit, sys
atexit.register(lambda: print(*{name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names))
"""
    bare = "import typer\napp = typer.Typer()\n@app.command()\ndef lint(paths: list[str]): pass\napp()"
    lint = "import xent.__main__\nxent.__main__.main()"
    typers, ours = (
        set(process(*arguments, cwd=here, code=head + code).stdout.splitlines()[-1].split())
        for arguments, code in ((["a.py"], bare), (["lint", "a.py"], lint))
    )
    assert "xent" in ours
    assert ours - typers == {"xent"}


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name, write):
    write({"train.py": BAD})
    code, out, _ = outcome("train.py", "--format", name)
    assert code == 1
    assert "XE101" in out
    if name in ("json", "sarif"):
        json.loads(out)


def test_several_processes_say_the_same(write, here):
    write({f"m{n}.py": BAD for n in range(120)})
    one, two = (process("lint", ".", "--format", "json", "--jobs", jobs, cwd=here) for jobs in "12")
    assert one.returncode == two.returncode == 1
    assert len(json.loads(one.stdout)["findings"]) == 120
    assert two.stdout == one.stdout


# Exit codes -----------------------------------------------------------------------------------------------------------


@stood_in
@pytest.mark.parametrize(
    ("program", "options", "code"),
    [
        ("x = 1", [], 0),
        ("bad()", [], 1),
        ("mend(1)", [], 1),
        ("harmless()", [], 0),
        ("harmless()", ["--fail-on", "info"], 1),
        ("mend(1)", ["--fail-on", "error"], 0),
        ("bad()", ["--fail-on", "error"], 1),
        ("bad()", ["--fail-on", "never"], 0),
        ("x =", [], 1),
        ("x =", ["--ignore", "XE002"], 0),
        ("bad()", ["--ignore", "XE1"], 0),
        ("bad()", ["--select", "XE102"], 0),
        ("bad()", ["--select", "XE2,XE101"], 1),
        ("bad()", ["--per-file-ignores", "a.*:XE1,XE2"], 0),
        ("bad()", ["--per-file-ignores", "b.*:XE1"], 1),
    ],
)
def test_exit_codes(program, options, code, write):
    write({"a.py": program})
    assert run("a.py", *options).exit_code == code


@pytest.mark.parametrize(
    ("arguments", "problem", "hint"),
    [
        (["none.py"], "PATH must exist; got 'none.py'", "check the spelling and the folder"),
        (["."], None, None),
        (
            ["a.py", "--format", "xml"],
            "--format must be text, concise, json, github or sarif; got 'xml'",
            "text is usual",
        ),
        (
            ["a.py", "--select", "XE1O1"],
            "--select must name rules: XE101, XE1 or ALL; got 'XE1O1'",
            "did you mean XE101? 'xent rule' lists them all",
        ),
        (
            ["a.py", "--fail-on", "all"],
            "--fail-on must be error, warning, info or never; got 'all'",
            "warning is usual",
        ),
        (["a.py", "--jobs", "0"], "--jobs must be at least 1; got 0", "leave it out to take every core"),
        (
            ["a.py", "--unsafe-fixes"],
            "--unsafe-fixes must go with --fix or --diff; got neither",
            "--diff shows what it would do",
        ),
        (
            ["a.py", "--write-baseline"],
            "--write-baseline must go with --baseline FILE; got no file",
            "--baseline xent-baseline.json",
        ),
        (["a.py", "--write-baseline", "--fix"], "--write-baseline must not go with --fix or --diff; got both", None),
        (["a.py", "--per-file-ignores", "XE1"], "--per-file-ignores must be PATTERN:CODES; got 'XE1'", None),
        (
            ["a.py", "--statistics", "--format", "sarif"],
            "--statistics must go with text, concise or json; got --format sarif",
            "leave one out",
        ),
        (["a.py", "--stdin-filename", "b.py"], "--stdin-filename must go with -; got a.py", None),
        (["-", "a.py"], "- must be the only PATH; got others", "check the files in another run"),
        (["-", "--fix"], "--fix must go with files; got standard input", "--diff shows the edits"),
        (["a.py", "--baseline", "none.json"], None, "--write-baseline makes it"),
    ],
)
def test_wrong_use(arguments, problem, hint, write):
    write({"a.py": "x = 1"})
    code, out, err = outcome(*arguments)
    if arguments == ["."]:
        assert (code, out) == (0, "")
        return
    assert (code, out) == (2, "")
    said, _, hinted = err.rstrip("\n").partition("\n\nhint: ")
    assert problem is None or said == f"xent lint: {problem}"
    assert hinted if hint is None else hinted == hint


def test_unknown_settings_are_wrong_use(write):
    write({"a.py": "", "pyproject.toml": "[tool.xent.lint]\nselct = ['XE1']"})
    code, _, err = outcome("a.py")
    assert code == 2
    assert err.endswith("hint: did you mean select?\n")


def test_a_run_without_files_says_so(here):
    assert outcome(".") == (0, "", "no Python files found\nno mistakes found in 0 files\n")


# What is printed where ------------------------------------------------------------------------------------------------


@stood_in
def test_findings_go_to_stdout_and_the_rest_to_stderr(write):
    write({"a.py": "bad()\nmend(1)\nguess(2)\nharmless()"})
    _, out, err = outcome("a.py", "--format", "concise")
    assert out == (
        "a.py:1:1 XE101 softmax before a cross-entropy\na.py:2:1 XE101 mend it\na.py:3:1 XE101 guess it\n"
        "a.py:4:1 XE101 harmless\n"
    )
    assert err == "1 error, 2 warnings, 1 info in 1 file; --fix mends 1; --diff --unsafe-fixes shows edits for 1 more\n"
    assert outcome("a.py", "--format", "json")[2] == ""


@stood_in
def test_statistics(write):
    write({"a.py": "bad()\nmend(1)"})
    code, out, _ = outcome("a.py", "--statistics")
    assert (code, out) == (1, f"2  XE101  [fix]  {catalogue()['XE101'].name}\n")
    assert json.loads(outcome("a.py", "--statistics", "--format", "json")[1])[0]["count"] == 2


@stood_in
def test_an_output_without_the_letters(write, here, stand_in):
    write({"a.py": "é = bad('日')"})
    done = process(
        "lint",
        "a.py",
        cwd=here,
        PYTHONPATH=os.pathsep.join([os.environ["PYTHONPATH"], HOME]),
        PYTHONIOENCODING="ascii",
    )
    assert done.returncode == 1
    assert r"1 | \xe9 = bad('\u65e5')" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(("where", "got"), [("/dev/full", "No space left on device"), ("&-", "a closed stream")])
def test_an_output_that_cannot_be_written(where, got, write, here):
    write({"train.py": BAD})
    env = {**os.environ, "PYTHONPATH": HOME}
    command = ["sh", "-c", f'"{sys.executable}" -m xent lint train.py --format json >{where}']
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr.startswith(f"xent lint: stdout must be writable; got {got}\n\nhint: ")


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
def test_a_name_that_is_no_text(write, here):
    (here / os.fsdecode(b"\xff\x1b[31m.py")).write_text(BAD)
    for name in FORMATS:
        done = process("lint", ".", "--format", name, cwd=here)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout
        assert "XE101" in done.stdout


def test_colours_only_on_a_terminal(write, here):
    pty = pytest.importorskip("pty")
    write({"train.py": BAD})

    def shown(**env):
        leader, follower = pty.openpty()
        env = {**os.environ, "PYTHONPATH": HOME, "TERM": "xterm", **env}
        command = [sys.executable, "-m", "xent", "lint", "train.py"]
        with subprocess.Popen(command, cwd=here, env=env, stdout=follower, stderr=subprocess.DEVNULL):
            os.close(follower)
            parts = []
            try:
                while part := os.read(leader, 4096):
                    parts.append(part)
            except OSError:  # the end, on Linux
                pass
        os.close(leader)
        return b"".join(parts)

    assert b"\x1b[1;31mXE101\x1b[0m" in shown()
    assert b"\x1b" not in shown(NO_COLOR="1")
    assert b"\x1b" not in shown(TERM="dumb")
    assert b"XE101" in shown(NO_COLOR="1")


# Standard input -------------------------------------------------------------------------------------------------------


@stood_in
def test_standard_input(write):
    assert (
        outcome("-", "--format", "concise", stdin="bad()")[1] == "stdin.py:1:1 XE101 softmax before a cross-entropy\n"
    )
    write({"pyproject.toml": '[tool.xent.lint]\nper-file-ignores = { "a.py" = ["XE1"] }'})
    assert outcome("-", "--stdin-filename", "./a.py", stdin="bad()")[:2] == (0, "")
    assert outcome("-", "--stdin-filename", "b.py", "--format", "concise", stdin="bad()")[1].startswith("b.py:1:1 ")
    cell = '{"cells": [{"cell_type": "code", "source": "bad()"}]}'
    assert outcome("-", "--stdin-filename", "n.ipynb", "--format", "concise", stdin=cell)[1].startswith(
        "n.ipynb:cell 1:1:1"
    )
    assert "is larger than 10 MB" in outcome("-", stdin=b"#" * (LARGEST + 1))[1]
    assert outcome("-", "--diff", stdin="y = mend(x)")[1].splitlines()[-2:] == [
        "+y = x",
        "\\ No newline at end of file",
    ]


# Fixes and the baseline -----------------------------------------------------------------------------------------------


@stood_in
def test_fixing(write, here):
    write({"a.py": "y = mend(x)\nguess(1)\n", "b.py": "bad()"})
    code, out, err = outcome(".", "--fix", "--format", "concise")
    assert (code, (here / "a.py").read_text()) == (1, "y = x\nguess(1)\n")
    assert out == "a.py:2:1 XE101 guess it\nb.py:1:1 XE101 softmax before a cross-entropy\n"
    assert err.startswith("1 finding mended in 1 file\n")
    code, out, _ = outcome("a.py", "--fix", "--unsafe-fixes")
    assert (code, out, (here / "a.py").read_text()) == (0, "", "y = x\n1\n")


@stood_in
def test_a_diff_changes_nothing(write, here):
    write({"a.py": "y = mend(x)\nguess(1)\n"})
    code, out, err = outcome("a.py", "--diff")
    assert (code, err) == (1, "1 finding would be mended in 1 file\n")
    assert out == "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n-y = mend(x)\n+y = x\n guess(1)\n"
    assert "+1\n" in outcome("a.py", "--diff", "--unsafe-fixes")[1]
    assert (here / "a.py").read_text() == "y = mend(x)\nguess(1)\n"
    write({"a.py": "bad()"})
    assert outcome("a.py", "--diff") == (0, "", "0 findings would be mended in 0 files\n")


@stood_in
def test_the_baseline(write):
    write({"a.py": "bad(1)\n", "pyproject.toml": '[tool.xent.lint]\nbaseline = "known.json"'})
    code, _, err = outcome("a.py")
    assert (code, err.rsplit("\n\n")[1]) == (2, "hint: --write-baseline makes it\n")
    code, out, err = outcome("a.py", "--write-baseline")
    assert (code, out) == (0, "")
    assert err.startswith("1 finding written to ")
    assert outcome("a.py") == (0, "", "no mistakes found in 1 file; 1 more in the baseline\n")
    write({"a.py": "bad(2)\n"})
    code, out, err = outcome("a.py", "--format", "concise")
    assert code == 1
    assert out == "a.py:1:1 XE101 softmax before a cross-entropy\na.py XE101 gone from the baseline: bad(1)\n"
    assert err == "1 error in 1 file; 1 gone from the baseline, --write-baseline brings it up to date\n"


# xent rule ------------------------------------------------------------------------------------------------------------


def rule(*arguments):
    done = CliRunner().invoke(app, ["rule", *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("code", catalogue())
def test_every_rule_is_explained(code):
    """All that it says is there, in each format."""
    about = catalogue()[code]
    for name in ("text", "json", "markdown"):
        done, out, err = rule(code.lower(), "--format", name)
        assert (done, err) == (0, "")
        if name == "json":
            data = json.loads(out)
            assert (data["code"], data["why"], data["bad"], data["url"]) == (code, about.why, about.bad, about.url)
        else:
            words = out.split()
            assert out.lstrip("# ").startswith(code)
            for part in (about.name, about.finds, about.bad, about.good, about.unsure):
                assert set(part.split()) <= set(words)
            assert all(reference.url in out for reference in about.references)


def test_the_list_of_rules():
    _, out, _ = rule()
    assert [line[:5] for line in out.splitlines()] == list(catalogue())
    assert [each["code"] for each in json.loads(rule("--format", "json")[1])] == list(catalogue())
    _, out, _ = rule("--format", "markdown")
    assert [line[3:8] for line in out.splitlines()[2:]] == list(catalogue())


def test_wrong_use_of_rule():
    assert rule("XE1O1") == (
        2,
        "",
        "xent rule: CODE must be that of a rule; got 'XE1O1'\n\nhint: did you mean XE101? 'xent rule' lists them all\n",
    )
    assert rule("XE101", "--format", "html")[0] == 2
