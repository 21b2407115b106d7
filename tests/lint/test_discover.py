"""Which files are checked."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.errors import OptionError
from xent.lint.discover import discover
from xent.lint.patterns import matches


def files_of(*paths, exclude=()):
    files, problems = discover(paths, exclude)
    assert problems == []
    return files


def test_folders_are_walked_in_the_order_of_names(write):
    write(dict.fromkeys(("b.py", "a/z.py", "a/b/c.ipynb", "c.txt", "a.pyw", "d.pyi"), ""))
    assert files_of(".") == ["a.pyw", "b.py", "a/z.py", "a/b/c.ipynb"]
    assert files_of("a") == files_of("./a/") == ["a/z.py", "a/b/c.ipynb"]


def test_every_file_comes_once(write, here):
    write({"a/b.py": "", "c.py": ""})
    assert files_of("c.py", ".", "a", str(here / "a"), "a/../c.py") == ["c.py", "a/b.py"]


def test_what_is_not_the_projects_own_is_left_out(write):
    left_out = (".git", ".venv", "node_modules", "__pycache__", "build", "dist", ".tox", "x.egg-info", "site-packages")
    write({f"{folder}/a.py": "" for folder in left_out})
    write({"env/pyvenv.cfg": "", "env/lib/a.py": "", "kept/a.py": ""})
    assert files_of(".") == ["kept/a.py"]
    assert files_of("build", "env") == ["build/a.py", "env/lib/a.py"]  # who names them wants them


def test_what_is_named_is_taken(write):
    write({"script": "", "a.txt": "", "x/a.py": ""})
    assert files_of("script", "a.txt", "x/a.py", exclude=["x", "script"]) == ["script", "a.txt", "x/a.py"]


def test_excluded(write):
    write(dict.fromkeys(("a.py", "x/a.py", "x/b.py", "y/x/a.py", "y/gen_a.py"), ""))
    assert files_of(".", exclude=["x"]) == ["a.py", "y/gen_a.py"]
    assert files_of(".", exclude=["x/"]) == ["a.py", "y/gen_a.py"]
    assert files_of(".", exclude=["x/a.py", "gen_*"]) == ["a.py", "x/b.py", "y/x/a.py"]
    assert files_of(".", exclude=["**/x/*.py"]) == ["a.py", "y/gen_a.py"]


def test_links_end_no_walk(write, here):
    write({"a/b.py": ""})
    (here / "a/loop").symlink_to(here, target_is_directory=True)
    (here / "a/link.py").symlink_to(here / "a/b.py")
    (here / "a/broken.py").symlink_to(here / "nowhere.py")
    (here / "other").symlink_to(here / "a", target_is_directory=True)
    assert files_of(".") == ["a/b.py", "a/link.py"]
    assert files_of("other") == ["other/b.py", "other/link.py"]


def test_a_missing_path_is_wrong_use(here):
    with pytest.raises(OptionError, match=r"^xent lint: PATH must exist; got 'none\.py'\n\nhint: "):
        discover(["none.py"])


def test_a_folder_that_cannot_be_read_is_said(write, here, monkeypatch):
    write({"a/b.py": "", "c.py": ""})
    scan = os.scandir

    def scandir(folder):
        if folder == "a":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    files, problems = discover(["."])
    assert files == ["c.py"]
    assert [str(problem) for problem in problems] == ["a:1: cannot be read: Permission denied"]


@pytest.mark.parametrize(
    ("pattern", "path", "wanted"),
    [
        ("*.py", "a/b.py", True),
        ("a/*.py", "a/b.py", True),
        ("a/*.py", "x/a/b.py", False),
        ("a/*.py", "a/x/b.py", False),
        ("a/**", "a/x/b.py", True),
        ("a/**/b.py", "a/b.py", True),
        ("a/**/b.py", "a/x/y/b.py", True),
        ("./a", "a/b.py", True),
        ("/a", "a/b.py", True),
        ("a", "ab/b.py", False),
        ("b.p?", "a/b.py", True),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("[a-c].py", "b.py", True),
        ("[c-a].py", "b.py", False),
        ("[", "[", True),
        ("a.py", "a-py", False),
        ("a.py", "a.py\n", False),
    ],
)
def test_patterns(pattern, path, wanted, here):
    assert matches(path, pattern, str(here)) is wanted


@given(st.text("ab*?[]!-./\\^", max_size=8), st.text("ab/", min_size=1, max_size=8))
def test_no_pattern_fails(pattern, path):
    assert matches(path, pattern, str(Path.cwd())) in (True, False)
