"""What every rule must bring with it. That its figures are right is checked in test_figures_*.py."""

import ast
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from xent.lint import rules
from xent.lint.finding import SEVERITIES
from xent.lint.rule import Rule
from xent.lint.rules import RULES

FILES = sorted(Path(rules.__file__).parent.glob("xe*.py"))
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def paragraphs(text: str) -> list[str]:
    return text.split("\n\n")


def test_every_file_is_in_the_table_in_the_order_of_the_codes():
    assert [f"{code.lower()}_{rule.name.replace('-', '_')}" for code, rule in RULES.items()] == [
        path.stem for path in FILES
    ]
    assert all(code == rule.code for code, rule in RULES.items())


def test_codes_count_from_one_in_each_family_and_none_is_left_out():
    """A code is stable for ever: removing or renumbering one breaks every noqa that names it."""
    assert list(RULES) == [
        f"XE{family}{number:02}"
        for family, count in zip("123456", (7, 6, 9, 8, 5, 3), strict=True)
        for number in range(1, count + 1)
    ]


def test_names_are_words_with_hyphens_and_unique():
    names = [rule.name for rule in RULES.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", name) for name in names)


def test_only_what_is_harmless_or_only_unstable_is_less_than_a_warning():
    assert {code for code, rule in RULES.items() if rule.severity == "info"} == {"XE107", "XE504"}
    assert {rule.severity for rule in RULES.values()} == set(SEVERITIES)
    assert all(rule.severity == "error" for code, rule in RULES.items() if code[2] == "2" and code != "XE205")


def test_no_two_rules_find_the_same():
    for part in ("finds", "why", "bad"):
        assert len({getattr(rule, part) for rule in RULES.values()}) == len(RULES)


@every_rule
def test_finds_is_one_sentence(rule: Rule):
    assert re.fullmatch(r"[^\n]{30,200}\.", rule.finds)
    assert not re.search(r"\. [A-Z]", rule.finds)


@every_rule
def test_why_is_a_few_short_paragraphs(rule: Rule):
    assert 2 <= len(paragraphs(rule.why)) <= 4
    assert all(len(paragraph) <= 700 for paragraph in paragraphs(rule.why))
    assert len(rule.why) <= 1600


@every_rule
def test_prose_is_markdown_that_closes_what_it_opens(rule: Rule):
    for text in (rule.finds, rule.why, rule.fix, rule.unsure):
        assert text == text.strip()
        assert not re.search(r"  |\n\n\n", text)
        assert text.count("`") % 2 == 0
        assert text.count("**") % 2 == 0
        for opening, closing in ("“”", "()"):
            assert text.count(opening) == text.count(closing)
        assert all(line == line.rstrip() for line in text.splitlines())


@every_rule
def test_programs_are_whole_and_small_and_differ(rule: Rule):
    for source in (rule.bad, rule.good):
        tree = ast.parse(source)
        assert isinstance(tree.body[0], ast.Import | ast.ImportFrom)
        assert 8 <= len(source.splitlines()) <= 30
        assert source.endswith("\n")
        assert not source.endswith("\n\n")
        assert "noqa" not in source  # the finding must be left to the linter
    assert ast.dump(ast.parse(rule.bad)) != ast.dump(ast.parse(rule.good))


@every_rule
def test_programs_import_what_they_use_and_use_what_they_import(rule: Rule):
    for source in (rule.bad, rule.good):
        tree = ast.parse(source)
        bound = {
            (alias.asname or alias.name).split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert bound <= used
        roots = {"torch", "nn", "F", "np", "pd", "math", "keras", "layers", "optax", "pad_sequence"}
        assert used & roots <= bound


@every_rule
def test_references_are_links(rule: Rule):
    urls = [reference.url for reference in rule.references]
    assert urls
    assert len(set(urls)) == len(urls)
    for reference in rule.references:
        parts = urlsplit(reference.url)
        # The host of PASCAL VOC answers to nothing but http.
        assert parts.scheme == ("http" if parts.netloc == "host.robots.ox.ac.uk" else "https")
        assert "." in parts.netloc
        assert parts.path.strip("/")
        assert re.fullmatch(r"[\x21-\x7e]+", reference.url)
        assert reference.title == reference.title.strip() != ""


def test_one_address_has_one_spelling():
    urls = {reference.url for rule in RULES.values() for reference in rule.references}
    assert len({url.rstrip("/").lower() for url in urls}) == len(urls)
    assert not [url for url in urls if url.startswith("https://pytorch.org")]  # it moved to docs.pytorch.org


def test_the_harmless_one_says_so():
    assert "harmless" in RULES["XE107"].why
    assert "idempotent" in RULES["XE107"].why


def test_the_three_shapes_of_the_wrong_axis_are_all_explained():
    assert re.findall(r"^\*\*(.+?)\.\*\*", RULES["XE307"].why, re.MULTILINE) == [
        "Another axis",
        "No axis",
        "A view for a permute",
    ]
