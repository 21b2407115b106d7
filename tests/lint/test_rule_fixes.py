"""What the rules' fixes write, that what they write is right when it is run, and where none may be given."""

import ast
import warnings
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from xent.lint import uses
from xent.lint.config import Config
from xent.lint.engine import find, lint_files, lint_paths
from xent.lint.fixes import mend
from xent.lint.report import Report
from xent.lint.rules import RULES

from .fix_cases import CASES, HEAD, KERAS, KERAS_MODEL, LOSS_OF_NET, NET, NUMPY, ONE, SEQUENTIAL, TORCH, VALUE, Case

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


# What the fixed program computes --------------------------------------------------------------------------------------


def value(case: Case, text: str, scale: float = 1.0, right: str | None = None):
    """Run a program and return its value, or in words of its names what that should be, as a tensor."""
    torch = pytest.importorskip("torch")
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


@pytest.mark.parametrize("case", [case for case in CASES if case.is_safe], ids=lambda case: f"{case.code} {case.name}")
def test_a_safe_fix_keeps_the_numbers(case):
    """And where the original was infinite or no number, the fixed program is finite."""
    torch = pytest.importorskip("torch")
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

    def is_right(found):
        return found.shape == right.shape and found.double().allclose(right.double(), rtol=1e-4, atol=1e-6)

    assert is_right(value(case, case.after))
    try:
        before = value(case, case.before)
    except RuntimeError:  # BCELoss refuses logits outside [0, 1]
        assert case.code == "XE206"
    else:
        assert is_right(before) == (case.code == "XE107")


# What is left alone --------------------------------------------------------------------------------------------------

SOFTMAX_NET = TORCH + NET.format(returned="F.softmax(self.head(x), dim=1)") + LOSS_OF_NET
SOFTMAX_END = TORCH + SEQUENTIAL.format(last="Softmax(dim=1)") + LOSS_OF_NET
SOFTMAX_NAME = (
    HEAD
    + "\n\ndef step(x, y):\n    probs = F.softmax(head(x), dim=1)\n    loss = F.cross_entropy(probs, y)\n    {use}\n"
)
#: What has a finding of a rule, and no fix: why, and the program.
REFUSED = [
    # What the text does not say for certain.
    (
        "XE101",
        "a comment inside",
        HEAD + VALUE.replace("@", "F.cross_entropy(F.softmax(  # why?\n        head(x), dim=1), y)"),
    ),
    ("XE101", "unpacked arguments", HEAD + VALUE.replace("@", "F.cross_entropy(F.softmax(*(head(x), 1)), y)")),
    (
        "XE101",
        "another argument",
        HEAD + VALUE.replace("@", "F.cross_entropy(F.softmax(head(x), 1, dtype=torch.half), y)"),
    ),
    ("XE101", "an f-string", HEAD + VALUE.replace("@", 'f"{F.cross_entropy(F.softmax(head(x), 1), y)}"')),
    (
        "XE101",
        "its only statement",
        HEAD
        + "\n\ndef step(x, y):\n    z = head(x)\n    if True:\n        z = F.softmax(z, dim=1)\n"
        + "    return F.cross_entropy(z, y)\n",
    ),
    (
        "XE101",
        "a layer of another's making",
        TORCH
        + "def make(*layers):\n    return nn.Sequential(*layers)\n\n\nnet = make(nn.Linear(8, 3), nn.Softmax(dim=1))\n"
        + LOSS_OF_NET,
    ),
    (
        "XE101",
        "a layer added in a loop",
        TORCH
        + "layers = []\nfor n in [3]:\n    layers.append(nn.Linear(8, n))\n    layers.append(nn.Softmax(dim=1))\n"
        + "net = nn.Sequential(*layers)\n"
        + LOSS_OF_NET,
    ),
    (
        "XE101",
        "a comment between layers",
        TORCH
        + "net = nn.Sequential(nn.Linear(8, 3),  # the head\n                    nn.Softmax(dim=1))\n"
        + LOSS_OF_NET,
    ),
    (
        "XE206",
        "a name that is not imported",
        "from torch.nn import BCELoss, Linear\n\nhead, loss = Linear(8, 1), BCELoss()\n"
        + VALUE.replace("@", "loss(head(x), y)"),
    ),
    (
        "XE201",
        "a sibling that is not imported",
        "from torch.nn import Linear\nfrom torch.nn.functional import nll_loss, softmax\n\nhead = Linear(8, 3)\n"
        + VALUE.replace("@", "nll_loss(softmax(head(x), 1), y)"),
    ),
    (
        "XE502",
        "no name for the stable form",
        "from torch import log, sigmoid\n" + VALUE.replace("@", "log(sigmoid(x))"),
    ),
    (
        "XE502",
        "an import that is bound again",
        "import torch.nn.functional as F\nfrom torch import log, sigmoid\n\n\ndef other(F):\n    return F\n"
        + VALUE.replace("@", "log(sigmoid(x))"),
    ),
    (
        "XE501",
        "a probability that has a name",
        TORCH + "\ndef step(x):\n    p = torch.softmax(x, dim=1)\n    return torch.log(p)\n",
    ),
    ("XE501", "a logarithm with another argument", TORCH + VALUE.replace("@", "torch.log(torch.softmax(x, 1), out=y)")),
    (
        "XE505",
        "a sum over another axis than it meets",
        NUMPY + VALUE.replace("@", "np.exp(x) / np.sum(np.exp(x), axis=1)"),
    ),
    (
        "XE505",
        "exponentials read a third time",
        NUMPY + "\ndef step(x):\n    e = np.exp(x)\n    print(e)\n    return e / e.sum(axis=1, keepdims=True)\n",
    ),
    ("XE505", "what may not be read twice", NUMPY + VALUE.replace("@", "np.exp(x.pop()) / np.sum(np.exp(x.pop()))")),
    (
        "XE203",
        "a metric that reads the same output as a probability",
        KERAS + KERAS_MODEL.format(activation="", loss='loss="binary_crossentropy", metrics=["accuracy"]'),
    ),
    (
        "XE105",
        "a softmax before a binary loss",
        KERAS
        + KERAS_MODEL.format(
            activation=', activation="softmax"', loss="keras.losses.BinaryCrossentropy(from_logits=True)"
        ),
    ),
    (
        "XE201",
        "a gather of probabilities",
        HEAD + VALUE.replace("@", "F.nll_loss(F.softmax(head(x), 1), y, reduction='none')"),
    ),
    (
        "XE107",
        "an axis that may be another",
        HEAD + VALUE.replace("@", "F.cross_entropy(F.log_softmax(head(x), dim=-1), y)"),
    ),
    (
        "XE405",
        "a weight by its place",
        ONE + VALUE.replace("@", "F.binary_cross_entropy_with_logits(head(x), y, torch.tensor([3.0]))"),
    ),
    # What something else reads.
    *(
        ("XE101", f"also: {use}", SOFTMAX_NAME.format(use=use))
        for use in (
            "return loss, probs",
            "print(probs)",
            "probs[0] = 0",
            "keep = probs * 2",
            "return probs > 0.9",
            "values, classes = probs.max(1)",
            "global probs",
            "lambda: probs",
        )
        if use != "global probs"
    ),
    *(
        ("XE101", f"also: {use}", SOFTMAX_NET + f"\n\ndef other(x, y, all):\n    {use}\n")
        for use in (
            "return net(x)",
            "all.append(net(x))",
            "all.probs = net(x)",
            "return net.forward(x)",
            "p = net(x)\n    return p.max()",
            "return F.mse_loss(net(x), y)",
            "return [net(row) for row in x]",
        )
    ),
    *(
        ("XE101", f"also: {use}", SOFTMAX_END + f"\n\ndef other(x, y, all):\n    {use}\n")
        for use in (
            "return net(x)",
            "return net[-1](x)",
            "return F.nll_loss(net(x), y)",
            "return all.net(x)",
        )
    ),
    (
        "XE101",
        "a helper that is handed on",
        HEAD
        + "\n\ndef probs(x):\n    return torch.softmax(head(x), 1)\n"
        + "\n\ndef other(rows):\n    return map(probs, rows)\n"
        + VALUE.replace("@", "F.cross_entropy(probs(x), y)"),
    ),
    (
        "XE201",
        "read as probabilities",
        SOFTMAX_NET.replace("cross_entropy", "nll_loss") + "\n\ndef predict(x):\n    return net(x)\n",
    ),
    (
        "XE206",
        "a loss of two kinds of value",
        ONE
        + "loss = nn.BCELoss()\n\n\ndef step(x, y):\n    return loss(head(x), y) + loss(torch.sigmoid(head(x)), y)\n",
    ),
]


@pytest.mark.parametrize(
    ("code", "program"), [(code, text) for code, _, text in REFUSED], ids=[f"{code} {why}" for code, why, _ in REFUSED]
)
def test_no_fix_where_it_is_not_certain(code, program, fixed):
    before, text, _ = fixed(program)
    assert code in codes(before)
    assert text == program
    assert [reported.finding.fix for reported in before.findings] == [None] * len(before.findings)


def test_a_model_of_another_file_is_left_alone(write):
    """Who else reads its outputs does not show here."""
    train = f"{TORCH}from net import net\n{LOSS_OF_NET}"
    write({"net.py": TORCH + NET.format(returned="F.softmax(self.head(x), dim=1)"), "train.py": train})
    outcome = mend(find(["."], Config()), Config(), 1, unsafe=True)
    assert codes(outcome.report) == ["XE101"]
    assert outcome.contents == {}


@pytest.mark.parametrize(
    "line",
    [
        "    a{0} = F.cross_entropy(F.softmax(x, 1), y)\n",
        "    a{0} = net(x)\n    b{0} = F.cross_entropy(a{0}, y)\n",
        "    a = net(x)\n    b = F.cross_entropy(a, y)\n",
    ],
)
def test_the_work_for_fixes_grows_with_the_findings_and_no_faster(line, write, monkeypatch):
    """A file's text is looked through once, and no value is followed for ever."""
    texts, steps = [], []
    follow, look = uses._Flow._ends_well, uses._Text.__init__
    monkeypatch.setattr(uses._Flow, "_ends_well", lambda self, node: (steps.append(1), follow(self, node))[1])
    monkeypatch.setattr(uses._Text, "__init__", lambda self, module: (texts.append(1), look(self, module))[1])
    program = SOFTMAX_END + "\n\ndef step(x, y):\n" + "".join(map(line.format, range(3000)))
    write({"program.py": program})
    report = lint_files(find(["program.py"], Config()), Config())
    assert len(report.findings) > 300
    assert len(texts) == 1
    assert len(steps) < 10 * len(report.findings)


# The programs of both halves -----------------------------------------------------------------------------------------

PROGRAMS = Path(__file__).parent / "programs"
UNITS = sorted(unit for half in ("tuned", "held_out") for unit in (PROGRAMS / half).iterdir())


@pytest.mark.parametrize("unsafe", [False, True])
def test_fixes_of_the_programs_parse_stay_and_bring_no_finding(unsafe, monkeypatch):
    """Applied again they change nothing, and they never trade one finding for another."""
    n_fixed = 0
    for unit in UNITS:
        monkeypatch.chdir(unit if unit.is_dir() else unit.parent)
        files = [
            str(path.relative_to(Path.cwd())) for path in ([unit] if unit.is_file() else sorted(unit.rglob("*.py")))
        ]
        found = find(files, Config())
        before = Counter(codes(lint_files(found, Config())))
        fixed = mend(found, Config(), 1, unsafe)
        for content in fixed.contents.values():
            ast.parse(content)
        n_fixed += fixed.n_fixes
        assert not Counter(codes(fixed.report)) - before, unit
        assert fixed.n_fixes == (before - Counter(codes(fixed.report))).total(), unit
        assert mend(found, Config(), 1, unsafe, fixed.contents).contents == {}, unit
    assert n_fixed >= (100 if unsafe else 15)


def test_a_rules_page_says_which_fix_it_has(monkeypatch):
    """Rules whose findings in the programs have fixes, safe or unsafe, say so, and no others."""
    monkeypatch.chdir(PROGRAMS)
    given = {"--fix": set(), "--unsafe-fixes": set()}
    report = lint_paths([str(unit) for unit in UNITS])
    for reported in report.findings:
        if reported.finding.fix is not None:
            given["--fix" if reported.finding.fix.safe else "--unsafe-fixes"].add(reported.finding.code)
    for option, found in given.items():
        says = {code for code, rule in RULES.items() if f"`{option}`" in rule.fix}
        cases = {case.code for case in CASES if case.is_safe == (option == "--fix")}
        assert found <= says
        assert cases == says
