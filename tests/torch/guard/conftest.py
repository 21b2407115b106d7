"""What the guard's tests share: a way to gather findings, and the promise that no hook outlives a test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import xent.torch  # noqa: E402
from xent.torch._guard import calls  # noqa: E402


def places() -> dict[str, Any]:
    """Whatever a guard may touch."""
    seen = {name: getattr(where, name) for where, name, _ in calls._TORCHS}
    seen |= {f"xent {function.__qualname__}": function.__code__ for function, _ in calls._XENTS}
    seen["backward"] = torch.autograd.backward
    return seen | {name: value for name, value in vars(xent.torch._functional).items() if "guarded" in name}


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    """Check that every function is the original before and after."""
    before = places()
    assert all(type(before[name]).__name__ == "builtin_function_or_method" for _, name, _ in calls._TORCHS)
    yield
    assert places() == before


@pytest.fixture(autouse=True)
def no_fault(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that silence was no fault of the guard's own."""
    caplog.set_level("INFO", logger="xent.guard")
    yield
    faults = [record for record in caplog.get_records("call") if record.name == "xent.guard"]
    assert bool(faults) == ("a_fault_of_the_guard" in request.node.name), [record.exc_text for record in faults]


@pytest.fixture
def found() -> Callable[..., list[Any]]:
    """Run something, with backward where it returns a loss; return the findings."""

    def run(program: Callable[[], Any], **options: Any) -> list[Any]:
        findings: list[Any] = []
        torch.manual_seed(0)
        with xent.torch.guard(on_problem=findings.append, **options) as guard:
            loss = program()
            if isinstance(loss, torch.Tensor) and loss.requires_grad:
                (loss if loss.dim() == 0 else loss.sum()).backward()
        assert list(guard.findings) == findings
        return findings

    return run
