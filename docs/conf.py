"""Sphinx configuration."""

import inspect
import re
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils.nodes import Node
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from xent.lint.catalogue import catalogue
from xent.lint.explain import as_markdown, list_as_markdown
from xent.losses import LOSSES

project = "xent"
copyright = "the xent developers"
version = release = installed_version("xent")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "xent"
html_static_path = ["_static"]
html_css_files = ["xent.css"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = ["Returns"]  # prose, of as many lines as it takes: not a type a line


class LossesTable(SphinxDirective):
    """A line for each registered loss, from its docstring: what is indented is the formula, the source comes last."""

    def run(self) -> list[Node]:
        """Return the table."""
        lines = ["| name | class | formula | convex | source |", "| --- | --- | --- | --- | --- |"]
        for name, cls in LOSSES.items():
            text = inspect.getdoc(cls) or ""
            formula = re.search(r"^ {4}.+?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
            source = re.search(r"Source: (.+)\.$", text, re.DOTALL)
            if formula is None or source is None:
                raise self.error(f"the docstring of {cls.__name__} must have a formula and a source")
            formulas = "<br>".join(f"`{re.sub(' +', ' ', line.strip())}`" for line in formula[0].splitlines())
            papers = re.sub(r"doi:([^\s)]+)", r"[doi:\1](https://doi.org/\1)", " ".join(source[1].split()))
            papers = re.sub(r"arXiv:([\d.]+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", papers)
            convex = "yes" if cls().convex else "no"
            lines.append(f"| `{name}` | `{cls.__name__}` | {formulas} | {convex} | {papers} |")
        self.content = StringList(lines, source=self.get_source_info()[0])
        return self.parse_content_to_nodes()


def write_rules(app: Sphinx) -> None:
    """Write a page for each rule of the linter and a table of them, from the rules themselves."""
    fence = "```{code-block} py\n"  # the pages' own examples are run, these programs are the linter's to read
    pages = {f"{code}.md": as_markdown(rule).replace("```python\n", fence) for code, rule in catalogue().items()}
    contents = "\n".join(catalogue())
    pages["index.md"] = (
        "# Rules of the linter\n\nCodes are stable for ever. `xent rule CODE` prints a page in the terminal; "
        "[how to select and silence them](../../guide/lint.md#which-rules).\n\n"
        f":::{{container}} rules\n{list_as_markdown('{code}.md')}:::\n\n"
        f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n{contents}\n```\n"
    )
    folder = Path(app.srcdir, "reference", "rules")
    folder.mkdir(exist_ok=True)
    for old in set(folder.glob("*.md")) - {folder / name for name in pages}:
        old.unlink()
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text("utf-8") != text:  # what did not change is not built anew
            page.write_text(text, "utf-8")


def setup(app: Sphinx) -> None:
    """Enter the directive and the pages of the rules."""
    app.add_directive("losses", LossesTable)
    app.connect("builder-inited", write_rules)
