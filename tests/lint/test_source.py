"""Reading source: whatever the bytes are, there is a text, a tree, or one line that says why not."""

import ast
import codecs
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.lint.finding import SourceProblem
from xent.lint.source import LARGEST, content_of, decode, parse, read, unsaved


def problem_of(content, name="a.py"):
    with unsaved({name: content}), pytest.raises(SourceProblem) as caught:
        parse(read(name))
    assert "\n" not in str(caught.value)
    return caught.value


def text_of(content, name="a.py"):
    with unsaved({name: content}):
        source = read(name)
    parse(source)
    return source.text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"x = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
        (b"x = 1\ry = 2", "x = 1\ny = 2"),
        (codecs.BOM_UTF8 + "é = 1\n".encode(), "é = 1\n"),
        ("# -*- coding: latin-1 -*-\né = 1\n".encode("latin-1"), "# -*- coding: latin-1 -*-\né = 1\n"),
        ("#!/bin/python\n# vim: set fileencoding=cp1252 :\nx = '€'\n".encode("cp1252"), None),
        ("# coding: shift_jis\nx = '日本'\n".encode("shift_jis"), "# coding: shift_jis\nx = '日本'\n"),
        ("x = 1\n# coding: latin-1\ny = 'é'\n".encode(), None),  # not in time: the first line is no comment
        ("\n\n# coding: latin-1\ny = 'é'\n".encode(), None),  # not in the first two lines
        (b"x = 1\n\x0cdef f(): pass\n", "x = 1\n\x0cdef f(): pass\n"),
        (b"", ""),
    ],
)
def test_text_is_what_python_reads(content, text):
    seen = text_of(content)
    if text is not None:
        assert seen == text
    assert ast.dump(ast.parse(seen)) == ast.dump(ast.parse(content))


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"x = 1\ny = '\xe9'\n", 2, "is not UTF-8: byte 0xe9; declare the encoding it has"),
        (b"# coding: ascii\nx = '\xe9'\n", 2, "is not ascii: byte 0xe9; declare the encoding it has"),
        (b"# coding: klingon\n", 1, "declares the encoding 'klingon', which is none of Python source"),
        (b"# coding: rot13\n", 1, "declares the encoding 'rot13', which is none of Python source"),
        (b"\n# coding: utf-7\n", 2, "declares the encoding 'utf-7', which is none of Python source"),
        (b"# coding: unicode_escape\n", 1, "declares the encoding 'unicode_escape', which is none of Python source"),
        (b"# coding: punycode\n", 1, "declares the encoding 'punycode', which is none of Python source"),
        (
            codecs.BOM_UTF8 + b"# coding: latin-1\n",
            1,
            "declares the encoding 'latin-1' but has the byte-order mark of UTF-8",
        ),
        ("x = 1\n".encode("utf-16"), 1, "is UTF-16, which Python does not read; save it as UTF-8"),
        (b"x = 1\ny = '\0'\n", 2, "holds a null byte, which Python source cannot"),
        (b"def f(:\n", 1, f"is no Python 3.{sys.version_info.minor}: invalid syntax"),
        (
            b'x = 1\nprint "hello"\n',
            2,
            "is Python 2: Missing parentheses in call to 'print'. Did you mean print(...)?",
        ),
        (b"(" * 5000, 1, None),
        (b"-" * 200_000 + b"1", 1, "is nested too deeply to be parsed"),
        (b"#" * (LARGEST + 1), 1, "is larger than 10 MB, the most that is read"),
    ],
    ids=range(15),
)
def test_what_cannot_be_read_says_why(content, line, message):
    problem = problem_of(content)
    assert problem.line == line
    assert message is None or problem.message == message


def test_files_that_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    import os

    os.mkfifo("pipe.py")
    (tmp_path / "folder.py").mkdir()
    for name, message in (
        ("pipe.py", "is no regular file"),
        ("folder.py", "is no regular file"),
        ("none.py", "cannot be read: No such file or directory"),
        ("nu\0ll.py", "embedded null"),
        ("/dev/zero", "is no regular file"),
    ):
        with pytest.raises(SourceProblem) as caught:
            content_of(name)
        assert message in caught.value.message


@given(st.binary(max_size=300))
def test_any_bytes(content):
    _read_or_problem(content, "a.py")
    _read_or_problem(content, "a.ipynb")


PIECES = st.sampled_from(
    [
        *(b"# coding: ", b"utf-8", b"latin-1", b"\n", b"\r", b"\0", b"(", b")", b"'''", b"\\", b"x", b"=", b"\xff"),
        *(
            b"lambda:",
            b"%",
            b"!",
            b"def f():",
            b" ",
            b"\t",
            b"\xef\xbb\xbf",
            b"f'{",
            b"}",
            b"match x:",
            b"async ",
            b"\x0c",
        ),
    ]
)


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_any_pieces_of_source(content):
    _read_or_problem(content, "a.py")


@given(st.sampled_from(["(", "[", "-", "not ", "f(", "lambda: ", "a.b[", "if x:\n ", "{1:", "x if y else "]), st.data())
def test_any_depth(opening, data):
    depth = data.draw(st.integers(1, 20_000))
    closing = {"(": ")", "[": "]", "f(": ")", "a.b[": "]", "{1:": "}"}.get(opening, "")
    _read_or_problem((opening * depth + "1" + closing * depth).encode(), "a.py")


def _read_or_problem(content, name):
    with unsaved({name: content}):
        try:
            source = read(name)
            tree = parse(source)
        except SourceProblem as problem:
            assert "\n" not in str(problem)
            assert problem.line >= 1
        else:
            assert isinstance(tree, ast.Module)


@given(
    st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=60), st.sampled_from(["utf-8", "cp1252"])
)
def test_what_is_decoded_can_be_encoded_again(text, encoding):
    for bom in (b"", codecs.BOM_UTF8) if encoding == "utf-8" else (b"",):
        content = bom + f"# coding: {encoding}\n{text}".encode(encoding)
        encoded = decode("a.py", content)
        assert encoded.encode(encoded.text) == content
