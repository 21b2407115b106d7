"""A rule in words: for a terminal, for the documentation, for a program."""

from __future__ import annotations

import textwrap
from typing import Any

from xent.lint.catalogue import catalogue
from xent.lint.rule import Rule


def as_text(rule: Rule) -> str:
    """Return a rule for a terminal."""
    parts = [f"{rule.code}  {rule.name}  ({rule.severity})", _filled(rule.finds), _wrapped(rule.why)]
    for title, program in (("Bad", rule.bad), ("Good", rule.good)):
        if program:
            parts.append(f"{title}:\n\n{textwrap.indent(program.rstrip(), '    ')}")
    if rule.fix:
        parts.append(f"Fix:\n\n{_wrapped(rule.fix)}")
    if rule.unsure:
        parts.append(f"Not seen, or meant:\n\n{_wrapped(rule.unsure)}")
    if rule.references:
        parts.append("References:\n" + "\n".join(f"  {entry.title}\n    {entry.url}" for entry in rule.references))
    parts.append(rule.url)
    return "\n\n".join(parts) + "\n"


def as_json(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON has it."""
    return {
        "code": rule.code,
        "name": rule.name,
        "severity": rule.severity,
        "finds": rule.finds,
        "why": rule.why,
        "bad": rule.bad,
        "good": rule.good,
        "fix": rule.fix,
        "unsure": rule.unsure,
        "references": [{"title": entry.title, "url": entry.url} for entry in rule.references],
        "url": rule.url,
    }


def as_markdown(rule: Rule) -> str:
    """Return a rule as a page of the documentation."""
    parts = [f"# {rule.code}: {rule.name}", f"**{rule.severity}** · {rule.finds}", "## Why", rule.why.strip()]
    for title, program in (("Bad", rule.bad), ("Good", rule.good)):
        if program:  # as text where it is no Python that a highlighter reads
            parts += [f"## {title}", f"```{'python' if _compiles(program) else 'text'}\n{program.rstrip()}\n```"]
    if rule.fix:
        parts += ["## Fix", rule.fix]
    if rule.unsure:
        parts += ["## Not seen, or meant", rule.unsure.strip()]
    parts += ["## Silence it", _SILENCE.format(code=rule.code)]
    if rule.references:
        parts += ["## References", "\n".join(f"- [{entry.title}]({entry.url})" for entry in rule.references)]
    return "\n\n".join(parts) + "\n"


def list_as_text() -> str:
    """Return every rule, one a line."""
    rules = catalogue().values()
    width = max(len(rule.name) for rule in rules)
    return "".join(f"{rule.code}  {rule.severity:<7}  {rule.name:<{width}}  {rule.finds}\n" for rule in rules)


def list_as_markdown(link: str = "{url}") -> str:
    """Return a table of every rule; ``link`` is made from a rule's code and URL."""
    lines = ["| code | name | severity | finds |", "| --- | --- | --- | --- |"]
    for rule in catalogue().values():
        target = link.format(code=rule.code, url=rule.url)
        finds = rule.finds.replace("|", "\\|")
        lines.append(f"| [{rule.code}]({target}) | {rule.name} | {rule.severity} | {finds} |")
    return "\n".join(lines) + "\n"


_SILENCE = """\
On one line with `# noqa: {code}`, in some files or everywhere in pyproject.toml:

```toml
[tool.xent.lint]
ignore = ["{code}"]
per-file-ignores = {{ "tests/**" = ["{code}"] }}
```"""


def _wrapped(text: str) -> str:
    paragraphs = text.strip().split("\n\n")
    return "\n\n".join(p if _is_preformatted(p) else _filled(p) for p in paragraphs)


def _filled(paragraph: str) -> str:
    return textwrap.fill(" ".join(paragraph.split()), 100, break_long_words=False, break_on_hyphens=False)


def _is_preformatted(paragraph: str) -> bool:
    return any(line.startswith((" ", "-", "*", "|", "```", ">", "1.")) for line in paragraph.splitlines())


def _compiles(program: str) -> bool:
    import ast

    try:
        ast.parse(program)
    except SyntaxError:
        return False
    return True
