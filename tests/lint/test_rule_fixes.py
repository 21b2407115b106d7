"""What the rules' fixes write, that what they write is right when it is run, and where none may be given."""

import ast
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from xent.lint.config import Config
from xent.lint.engine import find, lint_files
from xent.lint.fixes import mend
from xent.lint.report import Report
from xent.lint.rules import RULES

from .fix_cases import CASES, HEAD, JAX, NET, NUMPY, ONE, TORCH, Case

every_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.code} {case.name}" for case in CASES])


class Outcome(NamedTuple):
    before: Report
    text: str
    after: Report


@pytest.fixture
def fixed(write):
    """Apply a program's fixes, safe ones alone or all."""

    def fixed(text, unsafe=True):
        write({"program.py": text})
        found = find(["program.py"], Config())
        outcome = mend(found, Config(), 1, unsafe)
        text = outcome.contents.get("program.py", text.encode()).decode()
        return Outcome(lint_files(found, Config()), text, outcome.report)

    return fixed


def codes(report):
    return [reported.finding.code for reported in report.findings]


@every_case
def test_the_fix_writes_what_it_should_and_the_finding_is_gone(case, fixed):
    before, text, after = fixed(case.before)
    assert text == case.after
    assert set(codes(before)) == {case.code}
    assert codes(after) == []


@every_case
def test_only_safe_fixes_are_made_without_asking(case, fixed):
    assert fixed(case.before, unsafe=False).text == (case.after if case.is_safe else case.before)


# What the fixed program computes ---------------------------------------------------------------------------------------

torch = pytest.importorskip("torch")


def value(case: Case, text: str, scale: float = 1.0, right: str | None = None):
    """Run a program and return its value, or in words of its names what that should be, as a tensor."""
    library = next((name for name in ("jax", "numpy") if f"import {name}" in text), "torch")
    if library != "torch":
        pytest.importorskip("optax" if library == "jax" else "scipy")
    torch.manual_seed(0)
    names = {"__name__": "program"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is wrong with the program before
        exec(compile(text, "program.py", "exec"), names)
        x = scale * torch.randn(64, 8 if library == "torch" else 5, generator=torch.Generator().manual_seed(1))
        y = {
            "classes": torch.arange(64) % 3,
            "labels": (torch.arange(64) % 2).float()[:, None],
            "distributions": torch.tensor([0.5, 0.3, 0.2]).repeat(64, 1),
        }[case.y]
        if library != "torch":
            as_array = names["jnp"].asarray if library == "jax" else names["np"].asarray
            x, y = as_array(x.numpy()), as_array(y.numpy())
        found = names["value"](x, y) if right is None else eval(right, names | {"x": x, "y": y})
    return torch.as_tensor(np.array(found)) if library != "torch" else found.detach()


def close(a, b):
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("case", [case for case in CASES if case.is_safe], ids=lambda case: f"{case.code} {case.name}")
def test_a_safe_fix_keeps_the_numbers(case):
    """And where the original was infinite or no number, the fixed program is finite."""
    torch.testing.assert_close(value(case, case.after), value(case, case.before), rtol=1e-4, atol=1e-6)
    far, fixed = value(case, case.before, 300.0), value(case, case.after, 300.0)
    assert torch.isfinite(fixed).all()
    assert torch.isfinite(far).all() == (case.code in ("XE107", "XE307"))
    same = torch.isfinite(far) & (far.abs() < 10)  # a probability near 1 keeps few digits of its distance from it
    torch.testing.assert_close(fixed[same], far[same], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.right is not None], ids=lambda case: f"{case.code} {case.name}"
)
def test_an_unsafe_fix_trains_what_is_right_and_nothing_before_it_did(case):
    right = value(case, case.after, right=case.right)
    assert close(value(case, case.after), right)
    try:
        before = value(case, case.before)
    except RuntimeError:  # BCELoss refuses logits outside [0, 1]
        assert case.code == "XE206"
    else:
        assert close(before, right) == (case.code == "XE107")
