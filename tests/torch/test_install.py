"""xent.torch.install(): for a whole program, and undone without a trace."""

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import xent.torch  # noqa: E402

Z = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
INDEX, T = torch.tensor([1, 2]), torch.tensor([[0.0, 1.0, 1.0], [0.5, 0.0, 1.0]])


def places() -> dict[str, Any]:
    """Whatever install() may touch."""
    seen = {name: getattr(F, name) for name in ("cross_entropy", "binary_cross_entropy_with_logits")}
    for cls in (torch.nn.CrossEntropyLoss, torch.nn.BCEWithLogitsLoss):
        seen[cls.__name__] = cls
        parts = {name: value for name, value in vars(cls).items() if name != "__annotations__" or value}
        seen |= {
            f"{cls.__name__}.{name}": value for name, value in parts.items()
        }  # asked for, Python makes an empty one
    return seen


TORCHS = places()


@pytest.fixture(autouse=True)
def no_trace() -> Iterator[None]:
    assert places() == TORCHS
    yield
    assert places() == TORCHS


class Blurred(torch.nn.CrossEntropyLoss):
    """Somebody's own, made before."""

    def forward(self, input: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return super().forward(input / 2, target)


def test_functions() -> None:
    with xent.torch.install():
        assert F.cross_entropy is torch.nn.functional.cross_entropy is xent.torch.cross_entropy
        assert F.binary_cross_entropy_with_logits is xent.torch.binary_cross_entropy_with_logits
        value = F.cross_entropy(Z, INDEX, z_loss=0.1)
    assert value > F.cross_entropy(Z, INDEX)
    with pytest.raises(TypeError):
        F.cross_entropy(Z, INDEX, z_loss=0.1)


def called(monkeypatch: pytest.MonkeyPatch, module: torch.nn.Module) -> list[str]:
    """Return which of xent's functions a module calls."""
    seen: list[str] = []
    for name in ("cross_entropy", "binary_cross_entropy_with_logits"):

        def record(*args: Any, name: str = name, **kwargs: Any) -> torch.Tensor:
            seen.append(name)
            return torch.zeros(())

        monkeypatch.setattr(xent.torch.modules, name, record)
        if F.cross_entropy is xent.torch.cross_entropy:
            monkeypatch.setattr(F, name, record)
    module(Z, T if isinstance(module, torch.nn.BCEWithLogitsLoss) else INDEX)
    monkeypatch.undo()
    return seen


def test_modules_of_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.nn.CrossEntropyLoss(), torch.nn.BCEWithLogitsLoss(), Blurred()
    with xent.torch.install():
        after = torch.nn.CrossEntropyLoss(), torch.nn.BCEWithLogitsLoss(), Blurred()
        seen = [called(monkeypatch, module) for module in (*before, *after)]
        expected = ["cross_entropy"], ["binary_cross_entropy_with_logits"], ["cross_entropy"]
        assert seen == [*expected, *expected]
        for module in (*before, *after):
            assert isinstance(module, (torch.nn.CrossEntropyLoss, torch.nn.BCEWithLogitsLoss))
    assert [called(monkeypatch, module) for module in (*before, *after)] == [[]] * 6


def test_what_is_built_while_installed_takes_xents_options() -> None:
    with xent.torch.install():
        module = torch.nn.CrossEntropyLoss(torch.ones(3), label_smoothing=0.1, z_loss=0.5)
        assert repr(module) == "CrossEntropyLoss(z_loss=0.5)"
        expected = xent.torch.cross_entropy(Z, INDEX, label_smoothing=0.1, z_loss=0.5)
        torch.testing.assert_close(module(Z, INDEX), expected)
        doubled = module(Z, INDEX, normalizer=1.0)
        torch.testing.assert_close(doubled, 2 * expected)
        with pytest.raises(TypeError, match="unexpected keyword argument 'z_lose'"):
            torch.nn.CrossEntropyLoss(z_lose=0.5)
    torch.testing.assert_close(module(Z, INDEX), F.cross_entropy(Z, INDEX, label_smoothing=0.1))  # torch knows no more


def test_pickles_and_copies_cross_the_border() -> None:
    before = torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0]))
    stored = pickle.dumps(before)
    with xent.torch.install():
        inside = pickle.dumps(torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0])))
        assert b"xent" not in inside  # whoever loads it needs no xent
        for module in (pickle.loads(stored), pickle.loads(pickle.dumps(before)), copy.deepcopy(before)):
            torch.testing.assert_close(module(Z, INDEX), before(Z, INDEX))
    torch.testing.assert_close(pickle.loads(inside)(Z, INDEX), before(Z, INDEX))


def test_twice_is_counted_and_undone_in_any_order() -> None:
    first, second = xent.torch.install(), xent.torch.install()
    first.undo()
    first.undo()
    assert F.cross_entropy is xent.torch.cross_entropy
    with xent.torch.install():
        second.undo()
        assert F.cross_entropy is xent.torch.cross_entropy
    assert places() == TORCHS
    second.undo()
    again = xent.torch.install()
    assert F.cross_entropy is xent.torch.cross_entropy
    again.undo()


def test_an_error_inside_undoes_it() -> None:
    with pytest.raises(ZeroDivisionError), xent.torch.install():
        raise ZeroDivisionError
    assert places() == TORCHS


def test_what_others_put_there_since_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = xent.torch.install()
    installed = F.cross_entropy

    def theirs(*args: Any, **kwargs: Any) -> Any:
        return installed(*args, **kwargs)

    F.cross_entropy = theirs
    handle.undo()
    try:
        assert F.cross_entropy is theirs
        assert F.binary_cross_entropy_with_logits is TORCHS["binary_cross_entropy_with_logits"]
        assert F.cross_entropy(Z, INDEX).isfinite()
    finally:
        F.cross_entropy = TORCHS["cross_entropy"]


def test_what_torch_refuses_reaches_torch_itself() -> None:
    # xent asks the function that was torch's when it was imported, not the one that now has its name.
    with xent.torch.install():
        with pytest.raises(ValueError, match="Expected input batch_size"):
            F.cross_entropy(Z, INDEX[:1])
        with pytest.raises(ValueError, match="Target size"):
            F.binary_cross_entropy_with_logits(Z, T[:1])


def graph_of(function: Any) -> list[Any]:
    """Return the operations that torch.compile makes of it; its own lists are read anew."""
    found: list[Any] = []

    def backend(graph: Any, _: Any) -> Any:
        found.extend(node.target for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    torch._dynamo.reset()
    compiled = torch.compile(function, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(Z, INDEX), function(Z, INDEX))
    torch._dynamo.reset()
    return found


def test_compiled_programs() -> None:
    module, focal = torch.nn.CrossEntropyLoss(label_smoothing=0.1), xent.torch.FocalLoss(1.5)
    rules = [set(each) for each in torch._dynamo.trace_rules.torch_name_rule_map]
    with xent.torch.install():
        for function in (module, focal, lambda z, y: F.cross_entropy(z, y, loss=xent.losses.Focal(2.0))):
            found = graph_of(function)
            assert torch.ops.xent.row_loss.default in found or xent.torch._ops.row_loss in found
            assert xent.torch.cross_entropy not in found
    assert graph_of(module) == [TORCHS["cross_entropy"]]
    assert [set(each) for each in torch._dynamo.trace_rules.torch_name_rule_map] == rules
