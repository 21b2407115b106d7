"""Sphinx configuration."""

import inspect
import re
from importlib.metadata import version as installed_version

from docutils.nodes import Node
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from xent.losses import LOSSES

project = "xent"
copyright = "the xent developers"
version = release = installed_version("xent")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "xent"

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


def setup(app: Sphinx) -> None:
    """Enter the directive."""
    app.add_directive("losses", LossesTable)
