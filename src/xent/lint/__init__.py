"""Silent loss mistakes, found in source code before a run: what ``xent lint`` does, for programs.

Nothing of what is checked is imported or run. Importing this loads nothing; each name loads its own module when it is
first used, and none of them loads NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent.lint.config import Config as Config
    from xent.lint.engine import lint_paths as lint_paths
    from xent.lint.finding import Finding as Finding
    from xent.lint.report import Report as Report
    from xent.lint.rule import Rule

    #: Every rule by its code, in order.
    RULES: dict[str, Rule]

_MODULE_OF = {
    "lint_paths": "xent.lint.engine",
    "Config": "xent.lint.config",
    "Report": "xent.lint.report",
    "Finding": "xent.lint.finding",
}

__all__ = ["RULES", "Config", "Finding", "Report", "lint_paths"]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    elif name == "RULES":
        value = importlib.import_module("xent.lint.catalogue").catalogue()
    else:
        raise AttributeError(f"module 'xent.lint' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
