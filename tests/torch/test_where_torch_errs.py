"""Where torch 2.13 goes wrong on the CPU, xent is right: each case is shown to both.

The truth is computed here, in extended precision from the definitions. Right is what lies within two roundings of it,
and is exactly 0 where it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import xent.torch

inf, nan = float("inf"), float("nan")
IGNORED = -100


@dataclass(frozen=True)
class Case:
    """A call whose value or gradient is looked at."""

    looked_at: str  # "value" or "gradient"
    input: torch.Tensor
    target: torch.Tensor
    options: dict[str, Any] = field(default_factory=dict)
    upstream: torch.Tensor | None = None
    binary: bool = False
    only_ours: dict[str, Any] = field(default_factory=dict)


CASES: dict[str, Callable[[], Case]] = {}


def case(build: Callable[[], Case]) -> Callable[[], Case]:
    CASES[build.__name__] = build
    return build


def randn(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def randint(n_classes: int, *shape: int) -> torch.Tensor:
    return torch.randint(n_classes, shape, generator=torch.Generator().manual_seed(1))


# --- the truth --------------------------------------------------------------------------------------------------------


def extended(tensor: torch.Tensor) -> Any:
    return tensor.detach().double().numpy().astype(np.longdouble)


def times(factor: Any, values: Any) -> Any:
    """0 · anything = 0: what has no part has no say."""
    factor, values = np.broadcast_arrays(factor, values)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(factor == 0, np.longdouble(0), factor * values)


def reduced(values: Any, reduction: str, denominator: Any, upstream: Any) -> tuple[Any, Any]:
    """Return the reduced value and the upstream gradient of each row."""
    upstream = np.longdouble(1) if upstream is None else upstream
    if reduction == "none":
        return values, np.broadcast_to(upstream, values.shape)
    if reduction == "sum":
        denominator = np.longdouble(1)
    return values.sum() / denominator, np.broadcast_to(upstream / denominator, values.shape)


def softmax_truth(
    input: torch.Tensor,
    target: torch.Tensor,
    upstream: torch.Tensor | None,
    weight: torch.Tensor | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Any, Any]:
    """Return value and gradient of Σ_k t_k w_k (lse - z_k), t the smoothed target; the classes are axis 1."""
    z = np.moveaxis(extended(input), 1, -1)
    n_classes = z.shape[-1]
    w = np.ones(n_classes, np.longdouble) if weight is None else extended(weight)
    if target.is_floating_point():
        t, live = np.moveaxis(extended(target), 1, -1), np.ones(z.shape[:-1], bool)
        denominator: Any = np.longdouble(live.size)
    else:
        live = target.numpy() != IGNORED
        t = (np.arange(n_classes) == target.numpy()[..., None]).astype(np.longdouble)
        denominator = (live * (t * w).sum(-1)).sum()
    t = live[..., None] * w * ((1 - np.longdouble(label_smoothing)) * t + np.longdouble(label_smoothing) / n_classes)
    mass = t.sum(-1)
    with np.errstate(invalid="ignore"):
        relative = z - z.max(-1, keepdims=True)
        exps = np.exp(relative)
        log_probs = relative - np.log(exps.sum(-1, keepdims=True))
        probs = exps / exps.sum(-1, keepdims=True)
    value, each = reduced(
        -times(t, log_probs).sum(-1), reduction, denominator, None if upstream is None else extended(upstream)
    )
    gradient = times((each * mass)[..., None], probs) - each[..., None] * t
    return value, np.moveaxis(gradient, -1, 1)


def sigmoid_truth(
    input: torch.Tensor, target: torch.Tensor, upstream: torch.Tensor | None, reduction: str = "mean"
) -> tuple[Any, Any]:
    """Return value and gradient of t softplus(-z) + (1-t) softplus(z)."""
    z, t = extended(input), extended(target)
    positive, negative = np.logaddexp(0, -z), np.logaddexp(0, z)
    values = times(t, positive) + times(1 - t, negative)
    value, each = reduced(values, reduction, np.longdouble(z.size), None if upstream is None else extended(upstream))
    return value, each * (times(1 - t, np.exp(-positive)) - times(t, np.exp(-negative)))


def truth(case: Case) -> Any:
    exact = sigmoid_truth if case.binary else softmax_truth
    value, gradient = exact(case.input, case.target, case.upstream, **case.options)
    return value if case.looked_at == "value" else gradient


def result(function: Callable[..., torch.Tensor], case: Case, **options: Any) -> torch.Tensor:
    logits = case.input.detach().requires_grad_()
    value = function(logits, case.target, **case.options, **options)
    if case.looked_at == "value":
        return value.detach()
    upstream = torch.ones_like(value) if case.upstream is None else case.upstream
    (gradient,) = torch.autograd.grad(value, logits, upstream)
    return gradient


def is_right(actual: torch.Tensor, expected: Any, dtype: torch.dtype) -> bool:
    kind = torch.finfo(dtype)
    tolerance = 2 * kind.eps * abs(expected) + 2 * kind.smallest_normal * kind.eps
    error = abs(extended(actual) - expected)
    assert error.shape == expected.shape
    return bool((error <= np.where(expected == 0, 0, tolerance)).all())


# --- the cases --------------------------------------------------------------------------------------------------------


@case
def float16_mean_of_70000_rows() -> Case:
    # Torch adds up in float16 what it divides later: NaN, and a gradient of 0.
    return Case("value", randn(70_000, 10, dtype=torch.float16), randint(10, 70_000))


@case
def float16_mean_of_70000_rows_gradient() -> Case:
    return replace(float16_mean_of_70000_rows(), looked_at="gradient")


@case
def float16_mean_with_large_weights() -> Case:
    weight = torch.full((4,), 300.0, dtype=torch.float16)
    return Case("value", randn(300, 4, dtype=torch.float16), randint(4, 300), {"weight": weight})


@case
def float16_smoothing_of_50000_classes() -> Case:
    # Σ_k log p_k leaves float16 before it is divided by K.
    options = {"label_smoothing": 0.1, "reduction": "none"}
    return Case("value", randn(2, 50_000, dtype=torch.float16), randint(50_000, 2), options)


@case
def float16_smoothing_of_50000_classes_under_uneven_upstream_gradients() -> Case:
    # Upstream · ε/K is below float16: the row's gradient no longer sums to 0, the target's is sixty times too large.
    logits = torch.zeros(3, 50_000, dtype=torch.float16)
    logits[:, 7] = 13.0
    upstream = torch.tensor([1.0, 1 / 32, 1 / 128], dtype=torch.float16)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    return Case("gradient", logits, torch.full((3,), 7), options, upstream)


@case
def bfloat16_mean_is_kept_to_8_bits() -> Case:
    logits, target = randn(70_000, 10, dtype=torch.bfloat16), randint(10, 70_000)
    return Case("value", logits, target, only_ours={"loss_dtype": torch.float32})


@case
def float16_mean_is_kept_to_11_bits() -> Case:
    logits, target = randn(1000, 10, dtype=torch.float16), randint(10, 1000)
    return Case("value", logits, target, only_ours={"loss_dtype": torch.float32})


def confident(dtype: torch.dtype, gap: float, looked_at: str, binary: bool) -> Callable[[], Case]:
    # The loss is -log p with p rounded to 1, the gradient of the target is that p - 1.
    def build() -> Case:
        if binary:
            logits, target = torch.tensor([-gap, gap], dtype=dtype), torch.tensor([0.0, 1.0], dtype=dtype)
            return Case(looked_at, logits, target, {"reduction": "none"}, binary=True)
        return Case(looked_at, torch.tensor([[gap, 0.0]], dtype=dtype), torch.tensor([0]))

    return build


for dtype, gap in ((torch.bfloat16, 13.0), (torch.float16, 13.0), (torch.float32, 17.0)):
    for looked_at in ("value", "gradient"):
        for binary in (False, True):
            name = f"{looked_at}_of_a_confident_{str(dtype)[6:]}_{'decision' if binary else 'prediction'}"
            CASES[name] = confident(dtype, gap, looked_at, binary)


def ignored(bad: float, logits: torch.Tensor, **options: Any) -> Callable[[], Case]:
    # Its gradient is 0 · NaN in torch.
    def build() -> Case:
        target = randint(4, 3, *logits.shape[2:])
        target[1] = IGNORED
        spoilt = logits.clone()
        spoilt[1] = bad
        return Case("gradient", spoilt, target, options)

    return build


for bad in (nan, inf, -inf):
    CASES[f"{bad}_in_an_ignored_row"] = ignored(bad, randn(3, 4))
    CASES[f"{bad}_in_an_ignored_row_smoothed"] = ignored(bad, randn(3, 4), label_smoothing=0.1)
    CASES[f"{bad}_in_an_ignored_row_weighted"] = ignored(bad, randn(3, 4), weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    CASES[f"{bad}_in_an_ignored_row_unreduced"] = ignored(bad, randn(3, 4), reduction="none")
    CASES[f"{bad}_in_an_ignored_row_bfloat16"] = ignored(bad, randn(3, 4, dtype=torch.bfloat16))
    CASES[f"{bad}_in_an_ignored_image"] = ignored(bad, randn(3, 4, 2, 5))
    channels_last = randn(3, 4, 2, 5).contiguous(memory_format=torch.channels_last)
    CASES[f"{bad}_in_an_ignored_channels_last_image"] = ignored(bad, channels_last)


@case
def masked_class_of_probability_0() -> Case:
    logits = randn(2, 4)
    logits[0, 1] = -inf
    return Case("value", logits, torch.tensor([[0.5, 0.0, 0.25, 0.25], [0.1, 0.2, 0.3, 0.4]]))


@case
def masked_class_of_probability_0_unreduced() -> Case:
    return replace(masked_class_of_probability_0(), options={"reduction": "none"})


@case
def masked_class_of_weight_0_under_smoothing() -> Case:
    logits, weight = torch.tensor([[1.0, -inf, 0.0]]), torch.tensor([1.0, 0.0, 1.0])
    return Case("value", logits, torch.tensor([0]), {"weight": weight, "label_smoothing": 0.1})


@case
def row_without_a_distribution_that_nobody_asks_for() -> Case:
    # torch.where(valid, losses, 0): the upstream gradient of the other rows is 0, and 0 · NaN is NaN.
    logits = randn(3, 4)
    logits[1, 2] = inf
    return Case("gradient", logits, randint(4, 3), {"reduction": "none"}, torch.tensor([1.0, 0.0, -2.0]))


@case
def float16_loss_scale_times_weight() -> Case:
    # Upstream · weight leaves float16, the gradient does not.
    logits = torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=torch.float16)
    options = {"weight": torch.tensor([300.0, 1.0], dtype=torch.float16), "reduction": "none"}
    return Case("gradient", logits, torch.tensor([0, 1]), options, torch.tensor([300.0, 1.0], dtype=torch.float16))


@case
def certain_decisions_that_are_right() -> Case:
    # (1 - t) z is 0 · inf in torch.
    logits, target = torch.tensor([inf, -inf, inf, -inf]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    return Case("value", logits[:2], target[:2], {"reduction": "none"}, binary=True)


# --- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_xent_is_right(name: str) -> None:
    case = CASES[name]()
    function = xent.torch.binary_cross_entropy_with_logits if case.binary else xent.torch.cross_entropy
    expected = truth(case)
    assert np.isfinite(expected).all()
    actual = result(function, case, **case.only_ours)
    assert actual.dtype == (case.only_ours.get("loss_dtype") if case.only_ours else case.input.dtype)
    assert is_right(actual, expected, actual.dtype), f"{actual} against {expected}"


@pytest.mark.parametrize("name", CASES)
def test_torch_is_wrong_still(name: str) -> None:
    # A failure here is good news: torch has mended that case, which may then be said to be equal to xent's.
    case = CASES[name]()
    function = F.binary_cross_entropy_with_logits if case.binary else F.cross_entropy
    assert not is_right(result(function, case), truth(case), case.only_ours.get("loss_dtype", case.input.dtype))


UPSTREAM: dict[str, Callable[[], torch.Tensor]] = {
    "signed": lambda: randn(6, 5),
    "over nine decades": lambda: torch.logspace(-6, 3, 30).reshape(6, 5),
    "of some rows only": lambda: randn(6, 5) * (torch.arange(30).reshape(6, 5) % 3 == 0),
    "expanded": lambda: randn(6, 1).expand(6, 5),
    "one number": lambda: torch.tensor(0.7).expand(6, 5),
    "transposed": lambda: randn(5, 6).T,
    "sliced": lambda: randn(6, 10)[:, ::2],
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "options",
    [{}, {"label_smoothing": 0.2}, {"weight": torch.linspace(0, 2, 7)}],
    ids=lambda each: "".join(each) or "plain",
)
@pytest.mark.parametrize("kind", ["index", "probabilities"])
@pytest.mark.parametrize("upstream", UPSTREAM)
def test_each_row_has_its_own_upstream_gradient(
    upstream: str, kind: str, options: dict[str, Any], dtype: torch.dtype
) -> None:
    # Torch is right here. Whoever writes the gradient while going forward, and multiplies it by one number, is not.
    target = randint(7, 6, 5) if kind == "index" else randn(6, 7, 5).softmax(1).to(dtype)
    if kind == "index":
        target[::4, 1] = IGNORED
    options = {key: value.to(dtype) if key == "weight" else value for key, value in options.items()}
    given = UPSTREAM[upstream]()
    given = given if dtype == torch.float32 else given.to(dtype)
    case = Case("gradient", 3 * randn(6, 7, 5, dtype=dtype), target, {**options, "reduction": "none"}, given)
    expected, actual = truth(case), extended(result(xent.torch.cross_entropy, case))
    kind_info = torch.finfo(dtype)
    largest = abs(expected).max(axis=1, keepdims=True)  # a gradient may be the small difference of two large terms
    arithmetic = torch.finfo(torch.float64 if dtype == torch.float64 else torch.float32).eps
    assert (abs(actual - expected) <= kind_info.eps * abs(expected) + 8 * arithmetic * largest).all()
    assert (actual[np.broadcast_to(largest == 0, actual.shape)] == 0).all()
