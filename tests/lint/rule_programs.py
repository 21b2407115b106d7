"""To check the figures that the rules quote: their programs, and the comparison of a figure with a value."""

import re
from typing import Any

import pytest

from xent.lint.rules import RULES

torch = pytest.importorskip("torch")
F = torch.nn.functional
FAR = 1e4  # a logit so large that its softmax or sigmoid is exactly 1


def says(code: str, figure: str, value: Any) -> None:
    """Assert that the rule's text holds this figure, and that it is the value, rounded."""
    assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?!\d|\.\d|,\d)", RULES[code].why), figure
    text = figure.replace("−", "-").replace(",", "")
    value = value.detach() if isinstance(value, torch.Tensor) else value
    assert round(float(value), len(text.partition(".")[2])) == float(text), figure


def run(code: str, which: str = "bad") -> dict[str, Any]:
    """What a rule's program defines, after it ran."""
    torch.manual_seed(0)
    module: dict[str, Any] = {"__name__": f"{code}_{which}"}
    exec(compile(getattr(RULES[code], which), f"<{code} {which}>", "exec"), module)
    return module


def answers(layer: Any, logits: Any) -> None:
    """Make a linear layer give these logits for every input."""
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.as_tensor(logits))


def one_hot(n_classes: int, scale: float = 1.0) -> Any:
    return scale * torch.eye(n_classes)[:1]


def logit_of(p: Any) -> Any:
    return torch.log(torch.as_tensor(p, dtype=torch.float64))


FIRST = torch.tensor([0])
IMAGE = torch.ones(1, 784)
ROW = torch.ones(1, 30)
