"""The guard in tests: ``pytest --xent-guard=raise``, ``@pytest.mark.xent_guard`` or the fixture ``xent_guard``.

``--xent-guard=raise`` watches the losses of every test that runs with torch loaded, and fails those that make a
mistake; ``--xent-guard=warn`` only warns. The marker does so for one test, with the keywords of
:func:`xent.torch.guard`, such as ``@pytest.mark.xent_guard(ignore=["XE401"])``. The fixture is a guard that gathers
``findings`` for the test to look at. This module imports no torch; without any of the three nothing does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xent.torch import Guard

_NAME = "xent_guard"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--xent-guard``."""
    parser.getgroup("xent").addoption(
        "--xent-guard",
        choices=("raise", "warn"),
        help="look at the losses of every test for mistakes that train silently, and fail it or warn",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    line = f"{_NAME}(*, calls=3, on_problem='raise', ignore=()): watch the losses of this test, see xent.torch.guard"
    config.addinivalue_line("markers", line)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Watch the losses of a test that is to be watched."""
    marker = item.get_closest_marker(_NAME)
    everywhere = item.config.getoption(_NAME)
    if marker is None and (everywhere is None or "torch" not in sys.modules):
        return (yield)
    options: dict[str, Any] = {"on_problem": everywhere or "raise", **(marker.kwargs if marker else {})}
    from xent.torch import guard

    with guard(**options):
        return (yield)


@pytest.fixture
def xent_guard() -> Iterator[Guard]:
    """Return a guard that watches this test, and only gathers its findings."""
    from xent.torch import guard

    with guard(on_problem=lambda finding: None) as watching:
        yield watching
