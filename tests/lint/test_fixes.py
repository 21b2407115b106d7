"""Fixes: what is edited, what is left as it was to the byte, and what is refused."""

import codecs
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xent.errors import DataError
from xent.lint.config import Config
from xent.lint.engine import find
from xent.lint.finding import Edit, Finding, Fix, Place
from xent.lint.fixes import diff, edited, mend
from xent.lint.fixes import write as write_files

pytestmark = pytest.mark.usefixtures("stand_in")


@pytest.fixture
def mended(write):
    """Return a file's content after its fixes."""

    def mended(content, name="a.py", unsafe=False):
        content = content if isinstance(content, bytes) else content.encode()
        write({name: content})
        return mend(find([name], Config()), Config(), 1, unsafe).contents.get(name, content)

    return mended


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = mend(x)\n", "y = x\n"),
        ("y = mend(mend(mend(x)))", "y = x"),
        ("y = mend(a), mend(b); mend(c)\n", "y = a, b; c\n"),
        ("y = mend(f(\n  a,\n  b))\n", "y = f(\n  a,\n  b)\n"),
        ("é = '日🙂', mend('é🙂'), 'é'\n", "é = '日🙂', 'é🙂', 'é'\n"),
        ("\tif_ = 1\n".strip() + "\n\x0cy = mend(x)\n", "if_ = 1\n\x0cy = x\n"),
        ("y = guess(x)\n", "y = guess(x)\n"),
        ("y = bad(x)\n", "y = bad(x)\n"),
    ],
)
def test_safe_fixes_are_applied_until_none_is_left(before, after, mended):
    assert mended(before) == after.encode()


def test_unsafe_fixes_only_when_wanted(mended):
    assert mended("y = guess(mend(x))") == b"y = guess(x)"
    assert mended("y = guess(mend(x))", unsafe=True) == b"y = x"


def test_what_would_not_parse_is_refused_alone(mended):
    assert mended("y = spoil(x)\nz = mend(x)\nspoil(1)\n") == b"y = spoil(x)\nz = x\nspoil(1)\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"x = 1\r\ny = mend(f(\n1))\r\n", b"x = 1\r\ny = f(\r\n1)\r\n"),
        (b"x = 1\ry = mend(x)\r", b"x = 1\ry = x\r"),
        (codecs.BOM_UTF8 + b"y = mend(x)", codecs.BOM_UTF8 + b"y = x"),
        ("# coding: latin-1\né = mend('ß')\n".encode("latin-1"), "# coding: latin-1\né = 'ß'\n".encode("latin-1")),
        (
            "# coding: shift_jis\nx = mend('日本')\n".encode("shift_jis"),
            "# coding: shift_jis\nx = '日本'\n".encode("shift_jis"),
        ),
    ],
)
def test_encoding_and_ends_of_lines_stay(before, after, mended):
    assert mended(before) == after


def test_a_letter_that_the_encoding_lacks_is_refused(stand_in, mended, monkeypatch):
    def check(tree, path):
        fix = Fix("use another letter", (Edit(Place(path, 2, 1, 2, 2), "日"),), safe=True)
        return [Finding("XE101", "error", Place(path, 2, 1, 2, 2), "x", fix=fix)]

    monkeypatch.setattr(stand_in, "check", check)
    assert mended("# coding: latin-1\nx = 1") == b"# coding: latin-1\nx = 1"


@pytest.mark.parametrize(
    "edits",
    [
        [Place("a.py", 9, 1, 9, 2)],
        [Place("a.py", 1, 1, 1, 99)],
        [Place("a.py", 1, 0, 1, 2)],
        [Place("a.py", 1, 4, 1, 2)],
        [Place("other.py", 1, 1, 1, 2)],
    ],
)
def test_edits_that_fit_no_file_are_refused(edits, stand_in, mended, monkeypatch):
    def check(tree, path):
        fix = Fix("do it", tuple(Edit(place, "z") for place in edits), safe=True)
        return [Finding("XE101", "error", Place(path, 1, 1, 1, 2), "x", fix=fix)]

    monkeypatch.setattr(stand_in, "check", check)
    assert mended("x = 1\n") == b"x = 1\n"


def test_rounds_end(stand_in, mended, monkeypatch):
    """A fix that calls for itself."""

    def check(tree, path):
        fix = Fix("grow", (Edit(Place(path, 1, 1, 1, 1), "x"),), safe=True)
        return [Finding("XE101", "error", Place(path, 1, 1, 1, 1), "x", fix=fix)]

    monkeypatch.setattr(stand_in, "check", check)
    assert mended("x = 1\n") == b"x" * 11 + b" = 1\n"


def test_a_fix_over_two_files_is_whole_or_nothing(stand_in, write, monkeypatch):
    write({"a.py": "x = 1\n", "b.py": "y = 1\n"})

    def check(tree, path):
        if path == "b.py":
            return []
        good, spoiled = Edit(Place("b.py", 1, 1, 1, 2), "z"), Edit(Place("a.py", 1, 5, 1, 6), "((")
        fixes = [Fix("both", (good, spoiled), True)]
        return [Finding("XE101", "error", Place(path, 1, 1, 1, 2), "x", fix=fix) for fix in fixes]

    monkeypatch.setattr(stand_in, "check", check)
    assert mend(find(["."], Config()), Config(), 1, False).contents == {}


def test_notebooks(mended):
    before = '{"cells": [{"source": ["%magic\\n", "y = mend(x)"], "cell_type": "code"}],\n\n  "nbformat": 4}'
    assert mended(before, "n.ipynb") == before.replace("mend(x)", "x").encode()


@given(st.text("ab é日\t'#,x\n\x0c", max_size=30), st.sampled_from(["\n", "\r", "\r\n"]), st.data())
def test_an_edit_changes_its_place_and_nothing_else(text, newline, data):
    lines = text.split("\n")
    text = text.replace("\n", newline)
    line = data.draw(st.integers(1, len(lines)))
    column = data.draw(st.integers(1, len(lines[line - 1]) + 1))
    end = data.draw(st.integers(column, len(lines[line - 1]) + 1))
    replacement = data.draw(st.text("xy", max_size=3))
    after = edited("a.py", text.encode(), [Edit(Place("a.py", line, column, line, end), replacement)]).decode()
    wanted = list(lines)
    wanted[line - 1] = wanted[line - 1][: column - 1] + replacement + wanted[line - 1][end - 1 :]
    assert after == newline.join(wanted)


def written(path, content):
    before = {path: Path(path).read_bytes()}
    write_files({path: content}, before)


def test_permissions_and_links_stay(write, here):
    write({"sub/a.py": "x = 1"})
    (here / "sub/a.py").chmod(0o750)
    (here / "link.py").symlink_to("sub/a.py")
    written("link.py", b"x = 2")
    assert (here / "link.py").is_symlink()
    assert (here / "sub/a.py").read_text() == "x = 2"
    assert stat.S_IMODE((here / "sub/a.py").stat().st_mode) == 0o750
    assert sorted(path.name for path in here.rglob("*")) == ["a.py", "link.py", "sub"]


def test_a_file_that_changed_meanwhile_is_not_written(write, here):
    write({"a.py": "new"})
    with pytest.raises(DataError, match=r"a\.py must not change while it is mended; it did"):
        write_files({"a.py": b"mended"}, {"a.py": b"old"})
    assert (here / "a.py").read_text() == "new"
    assert [path.name for path in here.iterdir()] == ["a.py"]


def test_a_file_that_cannot_be_written_stays(write, here, monkeypatch):
    write({"a.py": "old"})

    def replace(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", replace)
    with pytest.raises(DataError, match=r"a\.py must be writable; got No space left on device"):
        written("a.py", b"new")
    assert {path.name: path.read_text() for path in here.iterdir()} == {"a.py": "old"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(old=st.text("ab\n", max_size=12), new=st.text("ab\n", max_size=12))
def test_a_diff_is_what_patch_applies(old, new, write, here):
    """git apply, which no one here wrote, makes of the one file the other."""
    write({"a.py": old})
    patch = diff({"a.py": new.encode()}, {"a.py": old.encode()})
    if old == new:
        assert patch == ""
        return
    done = subprocess.run(["git", "apply", "-p0", "-"], input=patch.encode(), cwd=here, capture_output=True)
    assert done.returncode == 0, (patch, done.stderr)
    assert (here / "a.py").read_bytes() == new.encode()


def test_a_notebooks_diff_is_by_cell():
    before = b'{"cells": [{"source": "x", "cell_type": "code"}, {"source": ["y\\n", "z"], "cell_type": "code"}]}'
    assert diff({"n.ipynb": before.replace(b"z", b"w")}, {"n.ipynb": before}) == (
        "--- n.ipynb:cell 2\n+++ n.ipynb:cell 2\n@@ -1,2 +1,2 @@\n y\n-z\n\\ No newline at end of file\n+w\n"
        "\\ No newline at end of file\n"
    )
