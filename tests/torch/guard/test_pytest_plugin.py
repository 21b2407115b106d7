"""The pytest plugin: by option, by marker, by fixture, and silent without them."""

import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest_plugins = ["pytester"]

TESTS = """
import pytest, torch
import torch.nn.functional as F

def loss():
    return F.cross_entropy(torch.nn.Linear(8, 5)(torch.randn(16, 8)).softmax(1), torch.arange(16) % 5)

def test_plain():
    loss()

@pytest.mark.xent_guard
def test_marked():
    loss()

@pytest.mark.xent_guard(ignore=["XE101"])
def test_ignored():
    loss()

def test_fixture(xent_guard):
    loss()
    assert [finding.code for finding in xent_guard.findings] == ["XE101"]
"""


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        ([], {"plain": "PASSED", "marked": "FAILED", "ignored": "PASSED", "fixture": "PASSED"}),
        (["--xent-guard=raise"], {"plain": "FAILED", "marked": "FAILED", "ignored": "PASSED", "fixture": "FAILED"}),
        (["--xent-guard=warn"], {"plain": "PASSED", "marked": "PASSED", "ignored": "PASSED", "fixture": "PASSED"}),
    ],
)
def test_outcomes(pytester: pytest.Pytester, options: list[str], outcomes: dict[str, str]) -> None:
    pytester.makepyfile(TESTS)
    run = pytester.runpytest_inprocess("-p", "xent.pytest_plugin", "-v", "--strict-markers", "-W", "always", *options)
    run.stdout.fnmatch_lines([f"*::test_{name} {outcome}*" for name, outcome in outcomes.items()])
    text = run.stdout.str()
    assert ("LossError: cross_entropy: input must be logits" in text) == ("FAILED" in outcomes.values())
    assert ("LossWarning: cross_entropy: input must be logits" in text) == (options == ["--xent-guard=warn"])


def test_without_torch_nothing_loads_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\ndef test_it():\n    assert 'torch' not in sys.modules\n")
    for options in ([], ["--xent-guard=raise"]):
        command = [sys.executable, "-m", "pytest", "-p", "xent.pytest_plugin", "-q", "-p", "no:cacheprovider", *options]
        run = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=100)
        assert run.returncode == 0, run.stdout + run.stderr
