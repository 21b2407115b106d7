"""The rules about the linting itself, XE0xx: they need no analysis of values."""

from __future__ import annotations

from xent.lint.rule import Reference, Rule

UNUSED_NOQA = Rule(
    code="XE001",
    name="unused-noqa",
    severity="warning",
    finds="A `# noqa: XE…` comment silences nothing: there is no such finding on its line, or no such rule.",
    why="""\
A comment that silences nothing hides the next mistake on its line, and tells a reader of one that is not there. Only
codes of xent are looked at: whether another tool's codes are used, this one cannot know. A bare `# noqa` is never
reported, and a code that is not selected in the run is left alone.""",
    bad="""\
from torch import nn

criterion = nn.CrossEntropyLoss()  # noqa: XE101
""",
    good="""\
from torch import nn

criterion = nn.CrossEntropyLoss()
""",
    references=(Reference("Ruff: unused-noqa", "https://docs.astral.sh/ruff/rules/unused-noqa/"),),
)

UNREADABLE = Rule(
    code="XE002",
    name="unreadable-file",
    severity="error",
    finds="A file cannot be read, decoded or parsed, so nothing in it was checked.",
    why="""\
A file that was not checked must not look like one in which nothing was found. The line says what is the matter: a
syntax error, Python 2, another encoding than the declared one, a null byte, more than 10 MB, nesting too deep for
Python's own parser, broken JSON of a notebook. The other files are checked all the same.

The rule holds whatever is selected; only `ignore` and `per-file-ignores` silence it.""",
    bad="""\
print "hello"
""",
    good="""\
print("hello")
""",
    references=(Reference("PEP 263: Defining Python Source Code Encodings", "https://peps.python.org/pep-0263/"),),
)

INTERNAL = Rule(
    code="XE003",
    name="internal-error",
    severity="error",
    finds="The linter itself failed on a file, so nothing in it was checked.",
    why="""\
This is a bug of xent: please report it with the file, or the part of it that still shows it. The other files are
checked all the same. The rule holds whatever is selected; only `ignore` and `per-file-ignores` silence it.""",
    bad="",
    good="",
    references=(),
)

NOTICES = {rule.code: rule for rule in (UNUSED_NOQA, UNREADABLE, INTERNAL)}
#: They say that a file was not checked, so no selection of other rules leaves them out.
ALWAYS = frozenset({UNREADABLE.code, INTERNAL.code})
