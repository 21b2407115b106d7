"""The settings: what pyproject.toml and the command line say, and what they may not."""

import pytest

from xent.errors import OptionError
from xent.lint import rules
from xent.lint.catalogue import catalogue, selected
from xent.lint.config import Config, load
from xent.lint.notices import ALWAYS
from xent.lint.rules import RULES


@pytest.fixture(autouse=True)
def some_rules(monkeypatch):
    """Codes that these tests can count on, whatever rules there are."""
    codes = ("XE101", "XE102", "XE201", "XE501")
    monkeypatch.setattr(rules, "RULES", dict.fromkeys(codes, RULES["XE101"]))
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


def said(text):
    return {f"XE{code}" for code in text.split()}


@pytest.mark.parametrize(
    ("select", "ignore", "wanted"),
    [
        (["ALL"], [], "001 101 102 201 501"),
        (["XE1"], [], "101 102"),
        (["XE1", "XE501"], ["XE101"], "102 501"),
        (["XE101"], ["XE1"], "101"),
        (["XE1"], ["XE1"], ""),
        (["ALL"], ["ALL"], None),
        (["XE"], ["XE1"], "001 201 501"),
        (["ALL"], ["XE002"], "001 101 102 201 501"),
    ],
)
def test_the_longer_selector_decides(select, ignore, wanted):
    always = set(ALWAYS) - set(ignore)
    assert selected(select, ignore) == (said(wanted) | always if wanted is not None else set())


def test_pyproject(write, here):
    write(
        {
            "pyproject.toml": """
[tool.xent.lint]
select = ["XE1", "XE5"]
ignore = ["XE102"]
per-file-ignores = { "tests/**" = ["XE5"], "a.py" = ["ALL"] }
exclude = ["gen"]
fail-on = "error"
baseline = "known.json"
""",
            "sub/b.py": "",
        }
    )
    config = load(["sub/b.py"])
    assert config.codes == said("101 501") | ALWAYS
    assert config.codes_for("tests/x/y.py") == said("101") | ALWAYS
    assert config.codes_for("sub/tests/y.py") == config.codes
    assert config.codes_for("a.py") == set()
    assert (config.exclude, config.fail_on, config.baseline_path) == (("gen",), "error", here / "known.json")
    assert [config.fails(severity) for severity in ("error", "warning", "info")] == [True, False, False]


def test_the_command_line_is_over_the_file(write):
    write({"pyproject.toml": '[tool.xent.lint]\nselect = ["XE1"]\nignore = ["XE101"]\nfail-on = "never"'})
    config = load(["."])
    assert config.over().codes == said("102") | ALWAYS
    assert config.over(ignore=["XE102"]).codes == ALWAYS
    assert config.over(select=["XE101"]).codes == said("101") | ALWAYS
    assert config.over(select=["ALL"], ignore=["XE5"]).codes == said("001 101 102 201") | ALWAYS
    assert (config.fail_on, config.over(fail_on="info").fail_on) == ("never", "info")
    assert config.over(per_file_ignores={"a.py": ("XE102",)}).codes_for("a.py") == ALWAYS


def test_the_nearest_pyproject_with_the_table_counts(write):
    write(
        {
            "pyproject.toml": '[tool.xent.lint]\nfail-on = "error"',
            "a/pyproject.toml": '[tool.xent]\nx = 1\n[project]\nname = "a"',
            "a/b/pyproject.toml": '[tool.xent.lint]\nfail-on = "info"',
            "a/b/c.py": "",
            "d.py": "",
        }
    )
    assert load(["a"]).fail_on == "error"
    assert load(["a/b/c.py"]).fail_on == load(["a/b"]).fail_on == "info"
    assert load(["a/b/c.py", "d.py"]).fail_on == "error"


def test_no_settings(here):
    assert load(["."]) == load([]) == Config()
    assert Config().codes == set(catalogue())


@pytest.mark.parametrize(
    ("toml", "problem", "hint"),
    [
        ("selct = []", "[tool.xent.lint] of {file} must hold known keys; got 'selct'", "did you mean select?"),
        (
            "zzz = 1",
            "[tool.xent.lint] of {file} must hold known keys; got 'zzz'",
            "it may have select, ignore, per-file-ignores, exclude, fail-on, baseline",
        ),
        ("select = 'XE1'", "select of {file} must be a list of texts; got 'XE1'", "mend it in pyproject.toml"),
        ("ignore = [1]", "ignore of {file} must be a list of texts; got [1]", "mend it in pyproject.toml"),
        (
            "ignore = ['XE1O1']",
            "ignore of {file} must name rules: XE101, XE1 or ALL; got 'XE1O1'",
            "did you mean XE101? 'xent rule' lists them all",
        ),
        (
            "per-file-ignores = {a = ['XE7']}",
            "per-file-ignores of {file} must name rules: XE101, XE1 or ALL; got 'XE7'",
            "'xent rule' lists them all",
        ),
        ("per-file-ignores = []", "per-file-ignores of {file} must be a table of lists; got []", None),
        ("baseline = 3", "baseline of {file} must be a text; got 3", None),
        (
            "fail-on = 'never!'",
            "fail-on of {file} must be error, warning, info or never; got 'never!'",
            "warning is usual",
        ),
        ("x = !", "{file} must be readable TOML; got: Invalid value (at line 2, column 5)", "mend the file"),
    ],
)
def test_wrong_settings_are_refused(write, here, toml, problem, hint):
    write({"pyproject.toml": f"[tool.xent.lint]\n{toml}"})
    with pytest.raises(OptionError) as caught:
        load(["."])
    assert caught.value.problem == problem.format(file=here / "pyproject.toml")
    assert hint is None or caught.value.hint == hint


def test_a_table_must_be_one(write):
    write({"pyproject.toml": "tool.xent.lint = 3"})
    with pytest.raises(OptionError, match="must be a table; got 3"):
        load(["."])


def test_wrong_options_are_refused():
    for options, problem in (
        ({"select": ["XE9"]}, "--select must name rules: XE101, XE1 or ALL; got 'XE9'"),
        ({"ignore": ["E501"]}, "--ignore must name rules: XE101, XE1 or ALL; got 'E501'"),
        ({"fail_on": "all"}, "--fail-on must be error, warning, info or never; got 'all'"),
    ):
        with pytest.raises(OptionError) as caught:
            Config().over(**options)
        assert caught.value.problem == problem
    with pytest.raises(OptionError, match="select must name rules"):
        Config(select=("xe101",))
