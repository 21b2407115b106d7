"""Every way of differentiating, mapping and tracing that torch has, against torch's own functions."""

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.autograd import gradcheck, gradgradcheck  # noqa: E402
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap  # noqa: E402

import xent.torch  # noqa: E402
from xent import losses  # noqa: E402
from xent.mining import Hardest  # noqa: E402

# Torch compiles something old of its own when forward mode is first used.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

cross_entropy, bce = xent.torch.cross_entropy, xent.torch.binary_cross_entropy_with_logits
Function = Callable[..., torch.Tensor]


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


Z, INDEX, T = randn(4, 3), torch.tensor([2, -100, 0, 1]), randn(4, 3, seed=1).sigmoid()
PROBS, WEIGHT = randn(4, 3, seed=2).softmax(1), torch.tensor([0.5, 2.0, 1.0]).double()

#: Functions of one tensor of the logits' shape.
CASES: dict[str, Function] = {
    "index": lambda z: cross_entropy(z, INDEX),
    "none": lambda z: cross_entropy(z, INDEX, reduction="none"),
    "smoothing": lambda z: cross_entropy(z, INDEX, WEIGHT, label_smoothing=0.1),
    "others": lambda z: cross_entropy(z, INDEX, label_smoothing=0.2, smoothing="others", z_loss=0.1),
    "probs": lambda z: cross_entropy(z, PROBS, WEIGHT, label_smoothing=0.1),
    "by probs": lambda q: cross_entropy(Z, q, WEIGHT),
    "transformed": lambda z: cross_entropy(z, INDEX, softcap=2.0, temperature=0.7, prior=WEIGHT),
    "weighted rows": lambda z: cross_entropy(z, INDEX, sample_weight=T[:, 0], mean="weighted"),
    "mining": lambda z: cross_entropy(z, INDEX, mining=Hardest(0.5)),
    "image": lambda z: cross_entropy(z.reshape(2, 3, 2), INDEX.reshape(2, 2), reduction="sum"),
    "focal": lambda z: cross_entropy(z, INDEX, loss=losses.Focal(1.5, z_loss=0.1)),
    "focal, smoothed": lambda z: cross_entropy(z, INDEX, loss=losses.Focal(0.5, label_smoothing=0.1)),
    "poly1": lambda z: cross_entropy(z, PROBS, loss="poly1"),
    "generalized": lambda z: cross_entropy(z, INDEX, loss="generalized_cross_entropy"),
    "symmetric": lambda z: cross_entropy(z, INDEX, loss="symmetric_cross_entropy"),
    "binary": lambda z: bce(z, T, WEIGHT, pos_weight=WEIGHT),
    "binary by target": lambda t: bce(Z, t, reduction="none"),
    "binary focal": lambda z: bce(z, T, loss=losses.Focal(2.0, alpha=0.25), mask=T > 0.3, label_smoothing=0.0),
    "asymmetric": lambda z: bce(z, T, loss="asymmetric", softcap=3.0),
}
each_case = pytest.mark.parametrize("name", CASES)


def leaf(name: str) -> torch.Tensor:
    start = {"by probs": PROBS, "binary by target": T}.get(name, Z)
    return start.clone().requires_grad_()


@each_case
def test_first_derivatives(name: str) -> None:
    assert gradcheck(CASES[name], leaf(name), check_batched_grad=True)


@each_case
def test_first_derivatives_forward(name: str) -> None:
    options = {"check_forward_ad": True, "check_backward_ad": False, "check_batched_forward_grad": True}
    assert gradcheck(CASES[name], leaf(name), **options)


@each_case
def test_second_derivatives(name: str) -> None:
    options = {"check_fwd_over_rev": True, "check_rev_over_rev": True}
    assert gradgradcheck(CASES[name], leaf(name), **options)


@each_case
def test_every_order_of_modes_finds_one_hessian(name: str) -> None:
    def number(x: torch.Tensor) -> torch.Tensor:
        return (CASES[name](x) ** 2).sum()

    point = leaf(name).detach()
    expected = torch.autograd.functional.hessian(number, point)
    for outer, inner in ((jacfwd, jacrev), (jacrev, jacfwd), (jacrev, jacrev), (jacfwd, jacfwd)):
        torch.testing.assert_close(outer(inner(number))(point), expected, rtol=1e-9, atol=1e-11)


def test_a_third_derivative() -> None:
    def third(f: Function) -> torch.Tensor:
        return jacrev(jacfwd(jacrev(lambda z: f(z, INDEX))))(Z)

    torch.testing.assert_close(third(cross_entropy), third(F.cross_entropy))


# --- torch.func against torch's functions -----------------------------------------------------------------------------

PAIRS = [
    pytest.param(cross_entropy, F.cross_entropy, INDEX, {"weight": WEIGHT}, id="index"),
    pytest.param(cross_entropy, F.cross_entropy, INDEX.clamp(min=0), {"label_smoothing": 0.1}, id="smoothing"),
    pytest.param(cross_entropy, F.cross_entropy, PROBS, {"weight": WEIGHT}, id="probs"),
    pytest.param(bce, F.binary_cross_entropy_with_logits, T, {"pos_weight": WEIGHT}, id="binary"),
]
each_pair = pytest.mark.parametrize(("ours", "theirs", "target", "options"), PAIRS)


@each_pair
def test_transforms(ours: Function, theirs: Function, target: torch.Tensor, options: dict[str, Any]) -> None:
    tangent = randn(4, 3, seed=5)
    transforms: dict[str, Callable[[Function], Any]] = {
        "grad": lambda f: grad(lambda z: f(z, target, **options))(Z),
        "jvp": lambda f: jvp(lambda z: f(z, target, **options), (Z,), (tangent,)),
        "vjp": lambda f: vjp(lambda z: f(z, target, **options), Z)[1](torch.tensor(2.0).double()),
        "hessian": lambda f: hessian(lambda z: f(z, target, **options))(Z),
        "vmap over rows": lambda f: vmap(lambda z, t: f(z, t, **options))(Z, target.clamp(min=0)),
        "vmap over logits": lambda f: vmap(lambda z: f(z, target, **options), in_dims=1)(torch.stack([Z, 2 * Z], 1)),
        "vmap of vmap": lambda f: vmap(vmap(lambda z: f(z, target, **options)))(torch.stack([Z, 2 * Z])[None]),
        "gradient of every row": lambda f: vmap(grad(lambda z, t: f(z, t, **options)))(Z, target.clamp(min=0)),
        "jacobian": lambda f: jacrev(lambda z: f(z, target, reduction="none", **options))(Z),
        "jacobian forward": lambda f: jacfwd(lambda z: f(z, target, reduction="none", **options))(Z),
    }
    for name, transform in transforms.items():
        torch.testing.assert_close(transform(ours), transform(theirs), msg=lambda said, name=name: f"{name}: {said}")


def test_vmap_over_every_argument() -> None:
    weights, priors = randn(5, 3, seed=3).exp(), randn(5, 3, seed=4).exp()
    z, y = randn(5, 4, 3, seed=6), torch.arange(20).reshape(5, 4) % 3

    def loss(z: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        return cross_entropy(z, y, weight, prior=prior, mining=Hardest(0.5), mean="weighted")

    one_by_one = torch.stack([loss(*each) for each in zip(z, y, weights, priors, strict=True)])
    torch.testing.assert_close(vmap(loss)(z, y, weights, priors), one_by_one)


def test_gradients_of_examples_through_a_model() -> None:
    model = torch.nn.Linear(5, 3).double()
    x, parameters = randn(4, 5, seed=7), {name: each.detach() for name, each in model.named_parameters()}

    def loss(parameters: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor, f: Function) -> torch.Tensor:
        return f(functional_call(model, parameters, (x[None],)), y[None])

    y = torch.tensor([2, 0, 1, 1])
    mine, theirs = (
        vmap(grad(loss), in_dims=(None, 0, 0, None))(parameters, x, y, f) for f in (cross_entropy, F.cross_entropy)
    )
    torch.testing.assert_close(mine, theirs)


# --- the rest of autograd ---------------------------------------------------------------------------------------------


@each_case
def test_backward_twice_through_one_graph(name: str) -> None:
    x = leaf(name)
    value = CASES[name](x).sum()
    value.backward(retain_graph=True)
    first = x.grad.clone()
    value.backward()
    torch.testing.assert_close(x.grad, 2 * first, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_autocast(dtype: torch.dtype) -> None:
    z = Z.to(dtype, copy=True).requires_grad_()
    for ours, theirs, target in ((cross_entropy, F.cross_entropy, INDEX), (bce, F.binary_cross_entropy_with_logits, T)):
        for each in (dtype, torch.float32, torch.float64):
            arguments = z, target.to(each) if target.is_floating_point() else target
            with torch.autocast("cpu", dtype=torch.bfloat16):
                mine, torchs = ours(*arguments), theirs(*arguments)
            assert mine.dtype == torchs.dtype
            torch.testing.assert_close(mine, torchs)
            torch.testing.assert_close(torch.autograd.grad(mine, z), torch.autograd.grad(torchs, z))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        weight = torch.ones(3, dtype=dtype)
        assert cross_entropy(z, INDEX, weight).dtype == F.cross_entropy(z, INDEX, weight).dtype


def test_without_gradient() -> None:
    z = Z.clone().requires_grad_()
    with torch.no_grad():
        assert not cross_entropy(z, INDEX).requires_grad
    with torch.inference_mode():
        value = cross_entropy(z, INDEX, loss=losses.Focal(2.0, alpha=(1.0, 2.0, 3.0)))
        assert value.is_inference()
    value = cross_entropy(z, INDEX, loss=losses.Focal(2.0, alpha=(1.0, 2.0, 3.0)))  # nothing was kept from before
    value.backward()
    assert z.grad.isfinite().all()


def test_checkpointing() -> None:
    from torch.utils.checkpoint import checkpoint

    def loss(z: torch.Tensor) -> torch.Tensor:
        return cross_entropy(2 * z, INDEX)

    z = Z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(z), z)
    (actual,) = torch.autograd.grad(checkpoint(loss, z, use_reentrant=False), z)
    assert torch.equal(actual, expected)


@pytest.fixture
def deterministic() -> Any:
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@each_case
def test_deterministic_mode(deterministic: None, name: str) -> None:
    gradients = []
    for _ in range(2):
        x = leaf(name)
        gradients += torch.autograd.grad(CASES[name](x).sum(), x)
    assert torch.equal(*gradients)


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "channels last": lambda z: z.contiguous(memory_format=torch.channels_last),
    "sliced": lambda z: torch.stack([z, z + 1], -1)[..., 0],
    "every other row": lambda z: z.repeat_interleave(2, 0)[::2],
    "transposed": lambda z: z.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0),
    "expanded": lambda z: z[:, :, :1].expand_as(z),
    "expanded over classes": lambda z: z[:, :1].expand_as(z),
    "with an offset": lambda z: torch.cat([z, z])[2:],
    "classes reversed in memory": lambda z: z.flip(1).contiguous().flip(1),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"reduction": "none"}, {"loss": "focal"}], ids=str)
def test_the_layout_changes_nothing(layout: str, options: dict[str, Any]) -> None:
    z = randn(2, 5, 3, 4)
    y = torch.arange(24).reshape(2, 3, 4) % 5
    y[0, 0] = -100
    results = []
    for arrange in (LAYOUTS[layout], lambda z: LAYOUTS[layout](z).contiguous()):
        for target in (y, torch.stack([y, y], 1)[:, 1]):
            leaf = z.clone().requires_grad_()
            value = cross_entropy(arrange(leaf), target, **options)
            results.append((value.detach(), *torch.autograd.grad(value.sum(), leaf)))
    for result in results[1:]:
        torch.testing.assert_close(result, results[0], rtol=1e-12, atol=1e-14)


def test_the_arguments_are_left_as_they_are() -> None:
    z, y, weight = Z.clone().requires_grad_(), INDEX.clone(), WEIGHT.clone()
    versions = [each._version for each in (z, y, weight)]
    cross_entropy(z, y, weight, label_smoothing=0.1).backward()
    assert torch.equal(z, Z)
    assert [each._version for each in (z, y, weight)] == versions


# --- tensors without numbers, and strangers ---------------------------------------------------------------------------


def test_meta_tensors() -> None:
    z, y = torch.empty(4, 3, device="meta", requires_grad=True), torch.empty(4, device="meta", dtype=torch.long)
    for options in ({}, {"reduction": "none"}, {"loss": "focal", "label_smoothing": 0.0}, {"mining": Hardest(0.5)}):
        value = cross_entropy(z, y, **options)
        assert (value.device.type, value.shape) == ("meta", (4,) if "reduction" in options else ())
        (gradient,) = torch.autograd.grad(value.sum(), z)
        assert (gradient.device.type, gradient.shape) == ("meta", (4, 3))
    assert bce(z, z).device.type == "meta"
    assert xent.cross_entropy(z, y, weight=torch.ones(3)).device.type == "meta"


def test_fake_tensors_and_symbolic_tracing() -> None:
    from torch._subclasses import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    with FakeTensorMode():
        z = torch.randn(4, 3, requires_grad=True)
        value = cross_entropy(z, torch.tensor([0, 1, 2, -100]), loss=losses.Focal(2.0, alpha=(1.0, 2.0, 3.0)))
        assert value.shape == ()
    assert cross_entropy(Z, INDEX, loss=losses.Focal(2.0, alpha=(1.0, 2.0, 3.0))).isfinite()
    for mode in ("real", "fake", "symbolic"):
        graph = make_fx(lambda z, y: cross_entropy(z, y, label_smoothing=0.1), tracing_mode=mode)(Z, INDEX)
        torch.testing.assert_close(
            graph(2 * Z, INDEX.flip(0)), cross_entropy(2 * Z, INDEX.flip(0), label_smoothing=0.1)
        )


class Counting(torch.Tensor):
    """Overrides nothing, but sees every function."""

    seen: dict[Any, Any]

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.seen[function] = kwargs
        return super().__torch_function__(function, types, args, kwargs or {})


@pytest.mark.parametrize("function", [cross_entropy, bce])
def test_subclasses_see_the_function(function: Function) -> None:
    Counting.seen = {}
    target = INDEX if function is cross_entropy else T
    value = function(Z.as_subclass(Counting), target, WEIGHT)
    assert type(value) is Counting
    known = {"weight", "size_average", "reduce", "reduction", "pos_weight", "ignore_index", "label_smoothing"}
    assert Counting.seen[function].keys() <= known  # whoever overrides torch's function knows no other keyword
    torch.testing.assert_close(value.as_subclass(torch.Tensor), function(Z, target, WEIGHT))
    value = function(Z.as_subclass(Counting), target, temperature=2.0, loss_dtype=torch.float32)
    torch.testing.assert_close(
        value.as_subclass(torch.Tensor), function(Z, target, temperature=2.0, loss_dtype=torch.float32)
    )


def test_modes_see_the_function() -> None:
    from torch.overrides import TorchFunctionMode

    class Mode(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return "mine" if function is cross_entropy else function(*args, **(kwargs or {}))

    with Mode():
        assert cross_entropy(Z, INDEX) == "mine"


def test_a_parameter_and_a_frozen_target() -> None:
    z = torch.nn.Parameter(Z.clone())
    cross_entropy(z, INDEX).backward()
    leaf = Z.clone().requires_grad_()
    F.cross_entropy(leaf, INDEX).backward()
    torch.testing.assert_close(z.grad, leaf.grad)
