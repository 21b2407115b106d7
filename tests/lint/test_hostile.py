"""Hostile programs through the whole linter, with the real analysis: never a traceback, never an internal error."""

import ast
import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xent.lint.config import Config
from xent.lint.engine import Found, lint_files, lint_paths
from xent.lint.rules import RULES

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"
MEET = "\nloss = nn.CrossEntropyLoss()(net(x), y)\n"

CORPUS = [part for rule in RULES.values() for part in (rule.bad, rule.good)]
CORPUS += [path.read_text("utf-8") for path in sorted(Path(__file__).parent.glob("programs/tuned/*.py"))[::9]]


def codes(report):
    return [reported.finding.code for reported in report.findings]


def check(*programs):
    """Check programs, which can import each other as m0, m1, ..., and return the codes found."""
    files = {f"m{index}.py": program.encode(errors="replace") for index, program in enumerate(programs)}
    report = lint_files(Found(list(files), []), Config(), contents=files)
    for reported in report.findings:
        assert "\n" not in str(reported.spot) + reported.finding.message
        assert reported.finding.code != "XE003", reported.finding.message
    return codes(report)


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "import a\na.a.a.f()", "b.py": "from b import *\nfrom b import x\nx()"},
        {"a.py": "from b import net", "b.py": "from c import net", "c.py": "from a import net" + MEET},
        {"a.py": "from b import *\nloss = net(1)", "b.py": "from a import *\nnet = loss"},
        {
            "p/__init__.py": "from .a import *",
            "p/a.py": "from . import b, a\nfrom .. import p",
            "p/b.py": "from .a import b",
        },
        {
            "a.py": "from b import B\nclass A(B): pass\nA()(1)",
            "b.py": "from a import A\nclass B(A): pass\nloss = B()(1)",
        },
        {"a.py": "class loss(loss): pass\nclass A(A.B): pass\nloss()(1)\nA().x"},
        {"a.py": "def loss(x): return loss(loss(x))\nloss(loss)\nnet = lambda: net()\nnet()"},
        {"a.py": "def loss(x):\n  def loss2(y): return loss(loss2(y))\n  return loss2(x)\nloss(1)"},
        {"a.py": "class loss:\n  def __call__(self): return self()\n  def __getattr__(self, n): self.n\nloss()()"},
        {"a.py": "x = []\nx.append(x)\nx[0][0][0].loss()\nd = {}\nd['loss'] = d\nd['loss']['loss'](d)"},
        {"a.py": HEAD + "net = nn.Sequential()\nnet.append(net)\nnet.add_module('a', net)" + MEET},
        {"a.py": HEAD + "net = nn.Sequential(*[nn.Softmax(1)] * 10**9)" + MEET},
        {"a.py": HEAD + "net = lambda x: x.view(10**10**10)[1 << 10**10].reshape('a' * 10**12)" + MEET},
        {"a.py": HEAD + "for i in range(10**12):\n  loss = F.cross_entropy(x, y)\nwhile True: loss += 1"},
        {"a.py": HEAD + "x = 1 / 0\nloss = x % 0\nloss = [1][7]\nloss = ()[-1]\nloss = {}['a']\na, b = loss = 1"},
        {"a.py": "from .....a import loss\nfrom . import *\nimport a.b.c.d\nfrom a.b import c\nloss()"},
        {"torch.py": "import torch\ntorch.nn.loss()", "numpy.py": "from numpy import *\nloss()"},
        {"a.py": HEAD + "global loss\nnonlocal_ = loss\ndel loss\nloss()\nreturn loss\nyield loss\nawait loss"},
        {"a.py": HEAD + "x" + ".loss" * 900},
        {"a.py": HEAD + "x = " + "F.softmax(" * 80 + "x" + ")" * 80 + "\nF.cross_entropy(x, y)"},
        {"a.py": HEAD + "x = " + " + ".join(["loss"] * 900)},
        {
            "a.py": HEAD
            + "\n".join(f"def f{n}(x): return f{n + 1}(x) + f{n + 1}(x)" for n in range(60))
            + "\nloss = f0(1)"
        },
        {"a.py": HEAD + "\n".join(f"{' ' * n}if loss:" for n in range(90)) + "\n" + " " * 90 + "loss()"},
        {f"m{n}.py": f"from m{(n + 1) % 60} import *\nloss = nn" for n in range(60)},
    ],
    ids=range(24),
)
def test_cycles_and_depths_end(files, write):
    write({**files, "zz.py": HEAD + "net = nn.Sequential(nn.Linear(2, 3), nn.Softmax(1))" + MEET})
    report = lint_paths(["."])
    assert [reported.finding.code for reported in report.findings if reported.spot.path == "zz.py"] == ["XE101"]
    messages = [reported.finding.message for reported in report.findings if reported.finding.code == "XE003"]
    assert messages == []


@given(st.sampled_from(CORPUS), st.integers(0, 5000))
def test_torn_programs(program, cut):
    check(program[:cut])


@given(st.sampled_from(CORPUS), st.sampled_from(CORPUS), st.randoms(use_true_random=False))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_programs_with_lines_of_others(one, other, random):
    """Lines swapped, doubled and left out; what does not parse is left to the other tests."""
    lines = one.splitlines() + random.sample(other.splitlines(), min(5, len(other.splitlines())))
    for _ in range(6):
        index, target = random.randrange(len(lines)), random.randrange(len(lines))
        lines[index], lines[target] = lines[target], lines[index]
    check("\n".join(lines), "from m0 import *\n" + other)


def names_of(program):
    tokens = tokenize.generate_tokens(io.StringIO(program).readline)
    return [token for token in tokens if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)]


@given(st.sampled_from(CORPUS), st.sampled_from(CORPUS), st.randoms(use_true_random=False))
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow])
def test_programs_with_names_of_others(one, other, random):
    """Names, numbers and strings exchanged, so that every call gets arguments that it does not expect."""
    donors = [token.string for token in names_of(other)] + [
        "None",
        "True",
        "-1",
        "0",
        "10**9",
        "()",
        "[]",
        "{}",
        "'\\x00'",
    ]
    lines = one.splitlines()
    for token in sorted(random.sample(names_of(one), min(6, len(names_of(one)))), key=lambda token: token.start)[::-1]:
        (line, start), (end_line, end) = token.start, token.end
        if line == end_line:
            lines[line - 1] = lines[line - 1][:start] + random.choice(donors) + lines[line - 1][end:]
    check("\n".join(lines))


@given(st.sampled_from(CORPUS), st.randoms(use_true_random=False))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_programs_with_calls_changed(program, random):
    """Arguments dropped, doubled, starred and named."""

    class Change(ast.NodeTransformer):
        def visit_Call(self, node):
            self.generic_visit(node)
            if random.random() < 0.3:
                choice = random.randrange(5)
                if choice == 0:
                    node.args = node.args[1:]
                elif choice == 1:
                    node.args = node.args * 2
                elif choice == 2 and node.args:
                    node.args[0] = ast.Starred(node.args[0], ast.Load())
                elif choice == 3:
                    node.keywords = [ast.keyword(None, ast.Name("kwargs", ast.Load()))]
                else:
                    node.args, node.keywords = [], []
            return node

    check(ast.unparse(ast.fix_missing_locations(Change().visit(ast.parse(program)))))
