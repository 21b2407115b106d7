"""The two kinds of evidence by themselves: the graph behind a tensor, and rows of numbers."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from xent.torch._guard import graph, shapes, values  # noqa: E402

MOVES: tuple[Callable[[Any], Any], ...] = (
    lambda t: t.transpose(0, -1),
    lambda t: t.movedim(0, -1).contiguous(),
    lambda t: t.reshape(-1, t.shape[-1]),
    lambda t: t.flatten(0, 1).unflatten(0, t.shape[:2]),
    lambda t: t.unsqueeze(0),
    lambda t: t.unsqueeze(-1).squeeze(-1),
    lambda t: t.expand(2, *t.shape),
    lambda t: t[:1],
    lambda t: t[torch.arange(t.shape[0])],
    lambda t: t[torch.ones(t.shape[0], dtype=torch.bool)],
    lambda t: t.index_select(0, torch.arange(t.shape[0])),
    lambda t: t.clone(),
    lambda t: t.double(),
    lambda t: t.bfloat16().float(),
    lambda t: torch.cat([t, t]),
    lambda t: torch.stack([t, t]),
    lambda t: t.split(1)[0],
    lambda t: t.unbind(0)[0][None],
    lambda t: t.flip(0),
    lambda t: t.repeat(1, *(1,) * (t.dim() - 1)),
    lambda t: t.swapaxes(0, 1).mT,
)
MAKERS: dict[str, Callable[[Any], Any]] = {
    "SoftmaxBackward": lambda t: t.softmax(-1),
    "LogSoftmaxBackward": lambda t: t.log_softmax(-1),
    "SigmoidBackward": lambda t: t.sigmoid(),
    "ReluBackward": lambda t: t.relu(),
    "TanhBackward": lambda t: t.tanh(),
    "AddmmBackward": lambda t: torch.nn.functional.linear(t, torch.ones(4, 3, requires_grad=True), torch.zeros(4)),
    "MulBackward": lambda t: t.softmax(-1) * t,
    "leaf": lambda t: t,
}


@given(st.sampled_from(sorted(MAKERS)), st.lists(st.sampled_from(MOVES), max_size=6))
def test_what_made_a_tensor_is_seen_through_what_moved_it(maker: str, moves: list[Callable[[Any], Any]]) -> None:
    tensor = MAKERS[maker](torch.zeros(2, 2, 3, requires_grad=True))
    for move in moves:
        tensor = move(tensor)
    assert graph.origin(tensor).operation == maker


def test_where_nothing_is_to_be_seen() -> None:
    class Own(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, t: Any) -> Any:
            return t.softmax(-1)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return grads[0]

    leaf = torch.zeros(2, 3, requires_grad=True)
    assert graph.origin(Own.apply(leaf).clone()).operation == "opaque"
    assert graph.origin(leaf.softmax(-1).detach()).operation == ""
    assert graph.origin(torch.cat([leaf.softmax(-1), leaf * 2])).operation == "joined"
    assert graph.origin(leaf.softmax(-1) * 2).operation == "MulBackward"


def test_the_graph_is_read_without_its_tensors() -> None:
    """Saved tensors may be on a disk, or not be there until a checkpoint computes them again."""
    unpacked = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: unpacked.append(1) or t):
        z = torch.randn(4, 3, requires_grad=True).softmax(1)[torch.tensor([0, 1])].clamp(0, 1)
        bounded = z.clamp(torch.zeros(()), torch.ones(()))
    assert str(graph.origin(z)) == "ClampBackward1"
    assert shapes._bounds(graph.origin(z)) == (0, 1)
    assert shapes._bounds(graph.origin(bounded)) is None
    assert unpacked == []


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("k", [2, 10, 1000])
def test_a_softmax_is_known_by_its_numbers(dtype: Any, k: int) -> None:
    logits = 3 * torch.randn(64, k, generator=torch.Generator().manual_seed(k))
    probs = logits.to(dtype).softmax(-1)
    assert values.are_probabilities(values.rows_along(probs, -1), values.tolerance(probs))
    assert not values.are_probabilities(values.rows_along(logits.to(dtype), -1), values.tolerance(probs))


@settings(max_examples=300)
@given(st.integers(0, 2**31), st.integers(4, 200), st.integers(2, 30), st.sampled_from(["rand", "sigmoid", "beta"]))
def test_numbers_between_0_and_1_are_no_evidence(seed: int, n: int, k: int, kind: str) -> None:
    draw = torch.Generator().manual_seed(seed)
    rows = torch.rand(n, k, generator=draw)
    rows = {"rand": rows, "sigmoid": torch.randn(n, k, generator=draw).sigmoid(), "beta": rows**8}[kind]
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        numbers = rows.to(dtype)
        assert not values.are_probabilities(values.rows_along(numbers, -1), values.tolerance(numbers))


def test_a_few_rows_or_constant_ones_are_no_evidence() -> None:
    probs = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).softmax(-1)
    assert not values.are_probabilities(probs.double(), 1e-5)
    assert values.are_probabilities(torch.cat([probs, probs]).double(), 1e-5)
    assert not values.are_probabilities(torch.full((64, 5), 0.2).double(), 1e-5)
    assert not values.are_probabilities(torch.ones(64, 1).double(), 1e-5)


@given(st.integers(1, 3000), st.integers(1, 4), st.booleans())
def test_rows_are_those_of_the_class_axis_and_evenly_spread(n: int, k: int, masked: bool) -> None:
    tensor = torch.arange(n * k).reshape(n, k)
    live = torch.arange(n) % 3 != 0 if masked else None
    rows = values.rows_along(tensor.T.contiguous(), 0, live)
    numbers = (rows[:, 0] / k).long()
    assert torch.equal(rows, tensor[numbers].double())
    expected = n if live is None else int(live.sum())
    assert min(expected, 512) <= len(rows) <= min(expected, 1024)
    assert live is None or bool(live[numbers].all())
    assert len(numbers.unique()) == len(numbers)
    if len(rows) > 2 and not masked:
        assert len(numbers.diff().unique()) == 1


def test_zeros_of_a_relu() -> None:
    logits = torch.randn(32, 5, generator=torch.Generator().manual_seed(0)).double()
    assert values.have_a_floor_of_zeros(logits.relu())
    assert not values.have_a_floor_of_zeros(logits)
    assert not values.have_a_floor_of_zeros(logits.abs())
    assert not values.have_a_floor_of_zeros(torch.poisson(torch.ones(32, 5)).double())  # counts
    assert not values.have_a_floor_of_zeros(torch.nn.functional.gelu(logits))
