"""torch.compile without a graph break, torch.export, and the operators that stand in their graphs."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.func import grad, hessian, jvp, vmap  # noqa: E402

import xent.torch  # noqa: E402
from xent import losses  # noqa: E402
from xent.mining import Hardest, HardNegatives  # noqa: E402
from xent.torch import _ops, _plain  # noqa: E402

pytestmark = [
    # Torch compiles something old of its own when inductor and forward mode are first used.
    pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec, LeafSpec\\)`:FutureWarning"),
]

cross_entropy, bce = xent.torch.cross_entropy, xent.torch.binary_cross_entropy_with_logits
Function = Callable[..., torch.Tensor]


@pytest.fixture(autouse=True)
def afresh() -> Any:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


Z, INDEX, PROBS = randn(6, 5), torch.tensor([0, 4, -100, 2, 2, 1]), randn(6, 5, seed=1).softmax(1)
T, WEIGHT = randn(6, 5, seed=2).sigmoid(), randn(5, seed=3).exp()
IMAGE, LABELS = randn(2, 5, 3, 4), torch.arange(24).reshape(2, 3, 4) % 5
FOCAL = losses.Focal(1.5, alpha=(1.0, 2.0, 0.5, 0.0, 1.0))
MODULE = xent.torch.FocalLoss(1.5, alpha=(1.0, 2.0, 0.5, 0.5, 1.0), label_smoothing=0.1, weight=WEIGHT, prior=WEIGHT)

#: Each a function, and its arguments, of which the first is differentiated by.
CASES: dict[str, tuple[Any, ...]] = {
    "index": (cross_entropy, Z, INDEX),
    "rows": (lambda z, y: cross_entropy(z, y, ignore_index=2, reduction="none"), Z, INDEX.abs() % 5),
    "one row": (cross_entropy, Z[0], INDEX[0]),
    "weight": (lambda z, y, w: cross_entropy(z, y, w, label_smoothing=0.1, reduction="sum"), Z, INDEX, WEIGHT),
    "probs": (lambda z, q, w: cross_entropy(z, q, w, label_smoothing=0.1), Z, PROBS, WEIGHT),
    "by probs": (lambda q, z: cross_entropy(z, q), PROBS, Z),
    "image": (lambda z, y: cross_entropy(z, y, label_smoothing=0.1), IMAGE, LABELS),
    "channels last": (cross_entropy, IMAGE.to(memory_format=torch.channels_last), LABELS),
    "sliced": (lambda z, y: cross_entropy(z[:, ::2], y % 3), Z, INDEX),
    "expanded": (lambda z, y: cross_entropy(z[:1].expand(6, 5), y), Z, INDEX),
    "bfloat16": (cross_entropy, Z.bfloat16(), INDEX),
    "float16": (lambda z, y: cross_entropy(z, y, loss_dtype=torch.float32), Z.half(), INDEX),
    "focal": (lambda z, y: cross_entropy(z, y, loss=FOCAL, temperature=0.7), Z, INDEX),
    "by name": (lambda z, y: cross_entropy(z, y, loss="poly1"), Z, INDEX),
    "every option": (
        lambda z, y, w, s: cross_entropy(
            z, y, w, label_smoothing=0.1, smoothing="others", z_loss=0.1, temperature=2.0, softcap=5.0, prior=w,
            prior_strength=0.5, sample_weight=s, mining=Hardest(0.5), mean="weighted", empty="zero",
        ),
        Z, INDEX, WEIGHT, T[:, 0],
    ),
    "stats": (lambda z, y: torch.stack(cross_entropy(z, y, return_stats=True)[1][:1]), Z, INDEX),
    "module": (MODULE, Z, INDEX),
    "torch's module": (xent.torch.CrossEntropyLoss(WEIGHT, label_smoothing=0.1, z_loss=0.1), Z, INDEX),
    "autocast": (lambda z, y: autocast(z, y), Z.bfloat16(), INDEX),
    "binary": (lambda z, t, w: bce(z, t, w, pos_weight=w), Z, T, WEIGHT),
    "binary, every option": (
        lambda z, t, w: bce(
            z, t, w, pos_weight=w, loss=losses.Focal(2.0, alpha=0.25, label_smoothing=0.1), temperature=2.0,
            softcap=3.0, sample_weight=t[:, 0], mask=t > 0.1, mining=HardNegatives(1.0), mean="weighted",
        ),
        Z, T, WEIGHT,
    ),
    "asymmetric": (xent.torch.AsymmetricLoss(), Z, T),
}  # fmt: skip


def autocast(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return cross_entropy(z, y)


def value_and_grad(function: Function, leaf: torch.Tensor, *others: torch.Tensor) -> list[torch.Tensor]:
    leaf = leaf.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    value = function(leaf, *others)
    return [value.detach(), *(torch.autograd.grad(value.sum(), leaf) if value.requires_grad else [])]


@pytest.mark.parametrize(
    ("name", "dynamic"),
    [*((name, None) for name in CASES), *((name, True) for name in ("image", "every option", "module", "binary"))],
)
def test_compiled_in_one_graph(name: str, dynamic: bool | None) -> None:
    function, *arguments = CASES[name]
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    expected = value_and_grad(function, *arguments)
    torch.testing.assert_close(value_and_grad(compiled, *arguments), expected)
    assert len(expected) == (1 if name == "stats" else 2)


@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
def test_compiled_to_machine_code(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))

    def function(z: torch.Tensor, y: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        by_target = cross_entropy(t, z.softmax(1), loss=FOCAL)  # a gradient by the target is the plain formula's
        return cross_entropy(z, y, WEIGHT, label_smoothing=0.1) + by_target + bce(z, t, loss="focal", pos_weight=WEIGHT)

    compiled = torch.compile(function, fullgraph=True)
    torch.testing.assert_close(value_and_grad(compiled, Z, INDEX, T), value_and_grad(function, Z, INDEX, T))


def test_a_new_shape_compiles_once() -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    compiled = torch.compile(cross_entropy, fullgraph=True, backend=counter)
    for n in (6, 5, 4, 3, 2):
        torch.testing.assert_close(compiled(Z[:n], INDEX[:n]), F.cross_entropy(Z[:n], INDEX[:n]))
    assert counter.frame_count == 2  # of the first shape, then of any


def test_another_number_is_compiled_for_itself() -> None:
    compiled = torch.compile(cross_entropy, fullgraph=True, backend="aot_eager")
    for eps in (0.0, 0.1, 0.2, 0.3):
        options = {"label_smoothing": eps, "reduction": "sum"}
        torch.testing.assert_close(compiled(Z, INDEX, **options), F.cross_entropy(Z, INDEX, **options))
        scaled = compiled(Z, INDEX, temperature=1.0 + eps)
        torch.testing.assert_close(scaled, F.cross_entropy(Z / (1.0 + eps), INDEX))


def test_a_model_and_its_loss() -> None:
    model, criterion = torch.nn.Linear(7, 5), xent.torch.CrossEntropyLoss(label_smoothing=0.1)

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return criterion(model(x), y)

    x = randn(6, 7, seed=4)
    torch.compile(step, fullgraph=True, backend="aot_eager")(x, INDEX).backward()
    gradients = [each.grad for each in model.parameters()]
    expected = torch.autograd.grad(F.cross_entropy(model(x), INDEX, label_smoothing=0.1), list(model.parameters()))
    torch.testing.assert_close(gradients, list(expected))


def test_transforms_inside() -> None:
    y = INDEX.clamp(min=0)
    transforms: dict[str, Callable[[Function], Any]] = {
        "grad": lambda f: lambda z, y: grad(lambda z: f(z, y))(z),
        "vmap": lambda f: lambda z, y: vmap(f)(z, y),
        "gradient of every row": lambda f: lambda z, y: vmap(grad(f))(z, y),
        "jvp": lambda f: lambda z, y: jvp(lambda z: f(z, y), (z,), (z,))[1],
        "hessian": lambda f: lambda z, y: hessian(lambda z: f(z, y))(z),
    }
    for name, transform in transforms.items():
        torch._dynamo.reset()
        compiled = torch.compile(transform(cross_entropy), fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(Z, y), transform(F.cross_entropy)(Z, y), msg=lambda s, n=name: f"{n}: {s}")


def test_what_is_refused_is_refused_there_too() -> None:
    compiled = torch.compile(cross_entropy, fullgraph=True, backend="aot_eager")
    with pytest.raises(Exception, match="Expected input batch_size"):
        compiled(Z, INDEX[:3])
    with pytest.raises(Exception, match="out of bounds"):
        compiled(Z, INDEX + 3)


# --- export -----------------------------------------------------------------------------------------------------------


class Calls(torch.nn.Module):
    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        return self.function(*arguments)


@pytest.mark.parametrize(
    ("name", "strict"), [*((name, False) for name in CASES), *((name, True) for name in ("index", "module", "binary"))]
)
def test_exported(name: str, strict: bool) -> None:
    function, *arguments = CASES[name]
    program = torch.export.export(Calls(function), tuple(arguments), strict=strict)
    others = arguments[0].flip(-1), *arguments[1:]
    torch.testing.assert_close(program.module()(*others), function(*others))


def test_an_exported_program_is_one_node_and_any_number_of_rows(tmp_path: Any) -> None:
    rows = torch.export.Dim("rows")
    shapes = (({0: rows}, {0: rows}),)
    program = torch.export.export(Calls(cross_entropy), (Z, INDEX), dynamic_shapes=shapes)
    assert [str(node.target) for node in program.graph.nodes].count("xent.row_loss.default") == 1
    torch.export.save(program, tmp_path / "loss.pt2")
    loaded = torch.export.load(tmp_path / "loss.pt2").module()
    for n in (2, 3, 6):
        expected = value_and_grad(F.cross_entropy, Z[:n], INDEX[:n])
        torch.testing.assert_close(value_and_grad(loaded, Z[:n], INDEX[:n]), expected)


# --- the operators ----------------------------------------------------------------------------------------------------

SOFTMAX = [
    losses.CrossEntropy(),
    losses.CrossEntropy(label_smoothing=0.1, z_loss=0.1),
    losses.CrossEntropy(label_smoothing=0.3, smoothing="others"),
    losses.Focal(1.5, alpha=(1.0, 2.0, 0.5, 0.0, 1.0)),
    losses.Focal(0.5, label_smoothing=0.1),
    losses.Poly1(2.0, z_loss=0.1),
    losses.GeneralizedCrossEntropy(),
    losses.SymmetricCrossEntropy(),
]
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "index": (Z, INDEX, None, None, -100, 1.0, None),
    "probs": (Z, PROBS, None, None, -100, 1.0, None),
    "weight, softcap": (Z, INDEX.abs() % 5, WEIGHT, None, 2, 0.7, 3.0),
    "probs, offset": (Z, PROBS, WEIGHT, torch.log(WEIGHT), -100, 2.0, None),
    "float64": (Z.double(), INDEX, WEIGHT.double(), None, -100, 1.0, None),
    "bfloat16": (Z.bfloat16(), INDEX, None, None, -100, 1.0, None),
    "strided": (IMAGE.movedim(1, -1), LABELS, None, None, 3, 1.0, None),
    "one row": (Z[0], INDEX[0], None, None, -100, 1.0, None),
    "poisoned": (torch.where(INDEX[:, None] == -100, torch.nan, Z), INDEX, None, None, -100, 1.0, 3.0),
}


def of_operator(loss: losses.Loss, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    logits, target, weight, offset, *numbers = arguments
    logits = logits.clone(memory_format=torch.preserve_format).requires_grad_()
    return logits, target, weight, offset, losses.describe(loss), *numbers


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("loss", SOFTMAX, ids=losses.describe)
def test_the_operator_is_the_plain_formula(loss: losses.Loss, name: str) -> None:
    logits, target, weight, offset, text, ignore_index, scale, softcap = of_operator(loss, ARGUMENTS[name])
    values, _ = _ops.row_loss(logits, target, weight, offset, text, ignore_index, scale, softcap)
    plain = _plain.row_values(loss, logits, target, weight, ignore_index, scale, softcap, offset)
    torch.testing.assert_close(values, plain)
    upstream = torch.linspace(-1.0, 2.0, values.numel(), dtype=values.dtype).reshape(values.shape)
    (actual,), (expected,) = (torch.autograd.grad(each, logits, upstream) for each in (values, plain))
    torch.testing.assert_close(actual, expected)
    assert actual.stride() == torch.empty_like(logits).stride()


@pytest.mark.parametrize("name", [name for name in ARGUMENTS if name != "poisoned"])  # to opcheck NaN is not NaN
def test_the_operator_keeps_to_the_rules_of_operators(name: str) -> None:
    arguments = of_operator(SOFTMAX[3], ARGUMENTS[name])
    torch.library.opcheck(_ops.row_loss, arguments)
    with torch.no_grad():
        values, stats = _ops.row_loss(*arguments)
    logits, target, weight, offset, *rest = arguments
    backward = (torch.ones_like(values), logits.detach(), target, stats, weight, offset, *rest)
    torch.library.opcheck(_ops.row_loss_backward, backward)


@pytest.mark.parametrize("which", ["logits", "logits and target", "target", "weight", "offset", "logits, axis 1"])
def test_the_operator_over_examples(which: str) -> None:
    z, y = torch.stack([Z, 2 * Z, Z.flip(1)]), torch.stack([INDEX, INDEX.flip(0), INDEX])
    w = torch.stack([WEIGHT, WEIGHT.flip(0), 2 * WEIGHT])
    dims = {
        "logits": (0, None, None, None),
        "logits and target": (0, 0, None, None),
        "target": (None, 0, None, None),
        "weight": (None, None, 0, None),
        "offset": (0, 0, None, 0),
        "logits, axis 1": (1, None, None, None),
    }[which]
    one = (Z, INDEX, WEIGHT, torch.log(WEIGHT))
    all_of_them = (z.movedim(0, 1) if which == "logits, axis 1" else z, y, w, torch.log(w))
    arguments = [many if dim is not None else single for dim, many, single in zip(dims, all_of_them, one, strict=True)]

    def values(*each: torch.Tensor) -> torch.Tensor:
        return _ops.row_loss(*each, "focal", -100, 0.7, None)[0]

    def back(upstream: torch.Tensor, *each: torch.Tensor) -> torch.Tensor:
        logits, target, weight, offset = each
        stats = _ops.row_loss(*each, "focal", -100, 0.7, None)[1]
        return _ops.row_loss_backward(upstream, logits, target, stats, weight, offset, "focal", -100, 0.7, None)

    for function, in_dims, extra in ((values, dims, []), (back, (None, *dims), [torch.linspace(-1, 2, 6)])):
        together = vmap(function, in_dims=in_dims)(*extra, *arguments)
        for i in range(3):
            each = [a if dim is None else a.select(dim, i) for a, dim in zip(arguments, dims, strict=True)]
            torch.testing.assert_close(together[i], function(*extra, *each))
