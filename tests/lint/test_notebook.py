"""Notebooks: their cells are read as one program, and mended without touching anything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.lint.finding import Edit, Place, SourceProblem
from xent.lint.fixes import edited
from xent.lint.notebook import position
from xent.lint.source import parse, read, unsaved


def notebook(*cells, **metadata):
    return {
        "cells": [
            {"cell_type": kind, "metadata": {}, "source": source, **({"outputs": []} if kind == "code" else {})}
            for kind, source in cells
        ],
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def source_of(*cells, **metadata):
    content = json.dumps(notebook(*cells, **metadata)).encode()
    with unsaved({"n.ipynb": content}):
        return read("n.ipynb")


def code(*texts):
    return source_of(*(("code", text) for text in texts))


def test_code_cells_follow_each_other_and_know_their_numbers():
    source = source_of(("markdown", "# A title"), ("code", ["x = 1\n", "y = 2"]), ("raw", "no"), ("code", "z = x\n"))
    assert source.lines == ["x = 1", "y = 2", "z = x", "", ""]
    assert [position(source.cells, line) for line in (1, 2, 3, 4)] == [(2, 1), (2, 2), (4, 1), (4, 2)]
    assert position((), 7) == (None, 7)


@pytest.mark.parametrize(
    ("cell", "python"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    !ls -l\n    y()", "if x:\n    pass\n    y()"),
        ("files = !ls *.py\nz = 1", "files = None\nz = 1"),
        ("t = %timeit -o f()", "t = None"),
        ("x = (a\n% b)\n%time f()", "x = (a\n% b)\npass"),
        ("x = '''\n%no magic\n!no command\n'''\n!yes", "x = '''\n%no magic\n!no command\n'''\npass"),
        ("x = a \\\n  % b\n!ls \\\n  -l\ny", "x = a \\\n  % b\npass\n  \ny"),
        ("f?\nf.g??\n?f", "pass\npass\npass"),
        ("f(x)  # really?\n!ls", "f(x)  # really?\npass"),
        ("%%bash\necho $x\nfi", "\n\n"),
        ("\n%%time\nx = f()", "\n\nx = f()"),
        ("%%html\n<b>", "\n"),
        ("%%\nx", "\n"),
        ("x = 5 % 3\n", "x = 5 % 3\n"),
        ("await f()", "await f()"),
        ('x = "it\'s ("\n%run y', 'x = "it\'s ("\npass'),
    ],
)
def test_what_only_ipython_knows_is_made_harmless(cell, python):
    source = code(cell)
    assert source.text == python + "\n"
    parse(source)


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"{", 1, "is no notebook: its JSON is broken (Expecting property name enclosed in double quotes)"),
        (b'{"cells":\n [,]}', 2, "is no notebook: its JSON is broken (Expecting value)"),
        (b"[" * 100_000, 1, "is no notebook: its JSON cannot be read"),
        (b"[]", 1, "is no notebook of format 4: it has no list of cells"),
        (b'{"worksheets": []}', 1, "is no notebook of format 4: it has no list of cells"),
        (b'{"cells": [{"cell_type": "code", "source": 7}]}', 1, "is no notebook: the source of cell 1 is no text"),
        (
            b'{"cells": [{"cell_type": "code", "source": "\\u0000"}]}',
            1,
            "holds a null byte in cell 1, which Python source cannot",
        ),
        (b"\xff", 1, "is not UTF-8: byte 0xff; declare the encoding it has"),
    ],
)
def test_a_broken_notebook_says_why(content, line, message):
    with unsaved({"n.ipynb": content}), pytest.raises(SourceProblem) as caught:
        read("n.ipynb")
    assert (caught.value.line, caught.value.message) == (line, message)


def test_half_a_character():
    with pytest.raises(SourceProblem, match="cannot be encoded: surrogates not allowed"):
        parse(code("x = '\ud800'"))


def test_other_languages_are_left_alone():
    assert source_of(("code", "x <- 1"), kernelspec={"language": "R"}).text == ""
    assert source_of(("code", "x <- 1"), language_info={"name": "julia"}).text == ""
    assert source_of(("code", "x = 1"), kernelspec={"language": "Python"}).text == "x = 1\n"


def test_only_the_cell_changes():
    before = """{"metadata" : {"x":1.50},
 "cells": [
  {"cell_type": "markdown", "source": "loss(p)"},
  {"source": [
     "\\u00e9 = 1\\n",
     "loss(softmax(x))\\n",
     "%time"
   ], "cell_type": "code",
   "outputs": [{"text": "\\ud83d\\ude42"}]},
  {"cell_type": "code", "source": "loss(softmax(y))"} ] , "nbformat": 4}
"""
    edits = [
        Edit(Place("n.ipynb", 2, 6, 2, 16), "x\n"),
        Edit(Place("n.ipynb", 4, 6, 4, 16), "é"),
    ]
    after = edited("n.ipynb", before.encode(), edits).decode()
    wanted = before.replace('"loss(softmax(x))\\n",', '"loss(x\\n",\n     ")\\n",').replace("softmax(y)", "é")
    assert after == wanted


@given(
    st.lists(st.lists(st.sampled_from(["x = 1", "%magic", "!ls \\", "'''", "(", ")", "é?", "%%bash", ""]), max_size=5))
)
def test_every_line_stays(cells):
    source = code(*("\n".join(cell) for cell in cells))
    assert len(source.lines) == sum(max(len(cell), 1) for cell in cells) + 1
    for number, cell in enumerate(cells, 1):
        for line in range(1, max(len(cell), 1) + 1):
            first = source.cells[number - 1].first_line
            assert position(source.cells, first + line - 1) == (number, line)
