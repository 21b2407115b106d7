"""The plain formula: against the textbook's, as torch's own autograd differentiates it in float64, and at the edges."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import mpmath
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import xent  # noqa: E402
import xent.torch  # noqa: E402
from xent import losses  # noqa: E402
from xent.errors import DtypeError, OptionError, ShapeError  # noqa: E402
from xent.mining import Hardest, HardNegatives  # noqa: E402

inf, nan = math.inf, math.nan
cross_entropy, bce = xent.torch.cross_entropy, xent.torch.binary_cross_entropy_with_logits


@pytest.fixture(autouse=True)
def without_kernels(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is compiled has its own tests; here the plain formula alone answers."""
    monkeypatch.setattr("xent.torch._native.compiled", None)
    yield


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def value_and_grads(function: Callable[..., torch.Tensor], *leaves: torch.Tensor) -> list[torch.Tensor]:
    leaves = tuple(leaf.detach().clone().requires_grad_() for leaf in leaves)
    value = function(*leaves)
    upstream = torch.linspace(-1.0, 2.0, value.numel(), dtype=torch.float64).reshape(value.shape).to(value.dtype)
    return [value.detach(), *torch.autograd.grad(value, leaves, upstream)]


def assert_same(actual: list[torch.Tensor], expected: list[torch.Tensor], rtol: float = 1e-10) -> None:
    for mine, theirs in zip(actual, expected, strict=True):
        torch.testing.assert_close(mine, theirs.to(mine.dtype), rtol=rtol, atol=rtol)


# --- curves -----------------------------------------------------------------------------------------------------------

#: The losses as their papers write them, functions of the nll.
TEXTBOOK: dict[losses.Loss, Callable[[torch.Tensor], torch.Tensor]] = {
    losses.CrossEntropy(): lambda n: n,
    losses.Focal(2.0): lambda n: (1 - torch.exp(-n)) ** 2 * n,
    losses.Focal(0.5): lambda n: (1 - torch.exp(-n)) ** 0.5 * n,
    losses.Poly1(1.5): lambda n: n + 1.5 * (1 - torch.exp(-n)),
    losses.GeneralizedCrossEntropy(0.7): lambda n: (1 - torch.exp(-n) ** 0.7) / 0.7,
    losses.SymmetricCrossEntropy(0.2, 1.5, -3.0): lambda n: 0.2 * n + 1.5 * 3.0 * (1 - torch.exp(-n)),
}


def definition(loss: losses.Loss) -> Callable[[torch.Tensor], torch.Tensor]:
    bare = {"label_smoothing": 0.0, "smoothing": "uniform", "z_loss": 0.0}
    return TEXTBOOK[replace(loss, **bare, **({"alpha": None} if isinstance(loss, losses.Focal) else {}))]


def test_every_softmax_loss_is_here() -> None:
    assert {loss.name for loss in TEXTBOOK} == set(losses.LOSSES) - {"asymmetric"}


CURVES = [*TEXTBOOK, losses.Focal(0.0), losses.Focal(1.0), losses.Asymmetric(), losses.Asymmetric(0.5, 0.5, 0.0)]


@pytest.mark.parametrize("loss", CURVES, ids=losses.describe)
@pytest.mark.parametrize("which", ["curve", "negative_curve"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_torch_finds_the_slope_that_a_curve_says(loss: losses.Loss, which: str, dtype: torch.dtype) -> None:
    """Derivatives here are torch's, of the value; the kernels take the slope. At 0 and at infinity too.

    The smallest nll is one whose value at γ = 0.5 float32 still has: of less, the gradient by a logit is 0 in it.
    """
    points = [0.0, 1e-25, 1e-20, 1e-8, 0.01, 0.0512, 0.06, 0.3, 0.5, 1.0, 3.0, 20.0, 80.0, 700.0, 801.0, 1e4, inf]
    nll = torch.tensor(points, dtype=dtype, requires_grad=True)
    value, slope = getattr(loss, which)(nll)
    (found,) = torch.autograd.grad(value.sum(), nll)
    torch.testing.assert_close(found, slope.detach(), rtol=2e-5 if dtype == torch.float32 else 1e-11, atol=0)


# --- softmax rows -----------------------------------------------------------------------------------------------------


def textbook(
    loss: losses.Loss,
    z: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    sample_weight: torch.Tensor | None = None,
    temperature: float = 1.0,
    softcap: float | None = None,
    prior: torch.Tensor | None = None,
    prior_strength: float = 1.0,
) -> torch.Tensor:
    """Each row's loss, of the definition, with torch's log_softmax; classes along axis 1."""
    z, n_classes = z.movedim(1, -1), z.shape[1]
    if softcap is not None:
        z = softcap * torch.tanh(z / softcap)
    z = z / temperature
    if prior is not None:
        z = z + prior_strength * torch.log(prior / prior.sum())
    share = F.one_hot(target, n_classes).double() if target.dim() < z.dim() else target.movedim(1, -1)
    classes = torch.ones(n_classes, dtype=torch.float64) if weight is None else weight
    mass = (share * classes).sum(-1)
    eps = loss.label_smoothing
    if loss.smoothing == "uniform":
        share = (1 - eps) * share + eps / n_classes
    else:
        share = (1 - eps) * share + eps * (1 - share) / (n_classes - 1)
    if loss.class_factor is not None:
        classes = classes * torch.tensor(loss.class_factor, dtype=torch.float64)
    values = (share * classes * definition(loss)(-F.log_softmax(z, -1))).sum(-1)
    values = values + loss.z_loss * torch.logsumexp(z, -1) ** 2 * mass
    return values if sample_weight is None else values * sample_weight


PRIOR, WEIGHT = torch.tensor([5.0, 1.0, 3.0, 0.5]).double(), torch.tensor([0.5, 2.0, 0.0, 1.25]).double()
OPTIONS: dict[str, dict[str, Any]] = {
    "": {},
    "weight": {"weight": WEIGHT},
    "sample_weight": {"sample_weight": torch.tensor([1.0, 0.25, 0.0, 3.0, 0.5]).double()},
    "temperature": {"temperature": 0.7},
    "softcap": {"softcap": 2.0, "temperature": 3.0},
    "prior": {"prior": PRIOR},
    "all": {
        "weight": WEIGHT,
        "sample_weight": torch.tensor([1.0, 0.25, 0.0, 3.0, 0.5]).double(),
        "temperature": 0.7,
        "softcap": 3.0,
        "prior": PRIOR,
        "prior_strength": 0.5,
    },
}
PARAMETERS: list[dict[str, Any]] = [
    {},
    {"label_smoothing": 0.1},
    {"label_smoothing": 0.2, "smoothing": "others"},
    {"z_loss": 0.01},
    {"label_smoothing": 0.9, "smoothing": "others", "z_loss": 0.1},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda each: ",".join(each) or "bare")
@pytest.mark.parametrize("loss", TEXTBOOK, ids=losses.describe)
@pytest.mark.parametrize("kind", ["index", "probs"])
def test_each_row(kind: str, loss: losses.Loss, parameters: dict[str, Any], options: str) -> None:
    loss = replace(loss, **parameters)
    z = 3 * randn(5, 4)
    target = torch.tensor([2, 1, 0, 3, 1]) if kind == "index" else randn(5, 4, seed=1).softmax(1)
    actual = value_and_grads(lambda z: cross_entropy(z, target, loss=loss, reduction="none", **OPTIONS[options]), z)
    assert_same(actual, value_and_grads(lambda z: textbook(loss, z, target, **OPTIONS[options]), z))


@pytest.mark.parametrize("kind", ["index", "probs"])
def test_an_alpha_for_each_class_is_no_part_of_the_mean(kind: str) -> None:
    loss = losses.Focal(2.0, alpha=(0.5, 1.0, 2.0, 0.0))
    target = torch.tensor([2, 1, 0, 3, 1]) if kind == "index" else randn(5, 4, seed=1).softmax(1)
    actual = value_and_grads(lambda z: cross_entropy(z, target, loss=loss, weight=WEIGHT), randn(5, 4))
    count = WEIGHT[target].sum() if kind == "index" else 5
    expected = value_and_grads(lambda z: textbook(loss, z, target, WEIGHT).sum() / count, randn(5, 4))
    assert_same(actual, expected)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 4, 5), (2, 4, 3, 5), (2, 4, 2, 1, 3)], ids=str)
@pytest.mark.parametrize("kind", ["index", "probs"])
def test_the_classes_are_torchs_axis(shape: tuple[int, ...], kind: str) -> None:
    z = randn(*shape)
    rows = (*shape[:1], *shape[2:]) if len(shape) > 1 else ()
    target: Any = torch.arange(math.prod(rows)).reshape(rows) % 4
    if kind == "probs":
        target = randn(*shape, seed=1).softmax(min(1, len(shape) - 1))
    for reduction in ("none", "sum", "mean"):
        options = {"label_smoothing": 0.1, "reduction": reduction}
        actual = value_and_grads(lambda z, options=options: cross_entropy(z, target, **options), z)
        assert_same(actual, value_and_grads(lambda z, options=options: F.cross_entropy(z, target, **options), z))


def test_probabilities_and_weights_have_gradients_as_in_torch() -> None:
    arguments = randn(3, 4), randn(3, 4, seed=1).softmax(1), randn(4, seed=2)
    for smoothing in (0.0, 0.3):
        call = partial(F.cross_entropy, label_smoothing=smoothing)
        actual = value_and_grads(partial(cross_entropy, label_smoothing=smoothing), *arguments)
        assert_same(actual, value_and_grads(call, *arguments))


def test_a_probability_of_0_has_a_gradient() -> None:
    # The mask that keeps 0 · inf away must not be in its way.
    probs = torch.tensor([[0.0, 1.0, 0.0]]).double()
    actual = value_and_grads(cross_entropy, randn(1, 3), probs)
    assert_same(actual, value_and_grads(F.cross_entropy, randn(1, 3), probs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64], ids=str)
@pytest.mark.parametrize("margin", [5.0, 17.0, 60.0])
def test_a_confident_row_keeps_the_digits_of_its_gradient(margin: float, dtype: torch.dtype) -> None:
    z = torch.tensor([[margin, 0.0, -1.5], [1.0, margin, 1.0], [0.5, 0.0, margin]], dtype=dtype)
    value, grad = value_and_grads(lambda z: cross_entropy(z, torch.tensor([0, 1, 2]), reduction="none"), z)
    with mpmath.workdps(60):
        rows = [[mpmath.mpf(float(each)) for each in row] for row in z]
        totals = [mpmath.fsum(map(mpmath.exp, row)) for row in rows]
        nll = [float(mpmath.log(total) - row[i]) for i, (row, total) in enumerate(zip(rows, totals, strict=True))]
        gradient = [
            [float(mpmath.exp(each) / total - (i == k)) for k, each in enumerate(row)]
            for i, (row, total) in enumerate(zip(rows, totals, strict=True))
        ]
    wide = max(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps if dtype != torch.float64 else 0)
    tiny = torch.finfo(dtype).smallest_normal  # subnormal numbers have fewer digits
    np.testing.assert_allclose(value.double(), nll, rtol=4 * wide, atol=tiny)
    upstream = np.array([-1.0, 0.5, 2.0])
    np.testing.assert_allclose(grad.double(), upstream[:, None] * gradient, rtol=4 * wide, atol=tiny)


def test_a_row_of_many_equal_classes_keeps_the_digits_of_its_gradient() -> None:
    n = 50_000  # 1 - Σ of the others is 1/n with two digits left in float32
    _, grad = value_and_grads(lambda z: cross_entropy(z, torch.tensor([7]), reduction="sum"), torch.zeros(1, n))
    expected = np.full(n, 1 / n)
    expected[7] = 1 / n - 1
    np.testing.assert_allclose(grad[0] / -1.0, expected, rtol=1e-6)


# --- what takes no part -----------------------------------------------------------------------------------------------

POISON = [nan, inf, -inf]


EXTRA: list[dict[str, Any]] = [{}, {"label_smoothing": 0.1}, {"z_loss": 0.1}, {"loss": "focal"}]
NO_PART = [
    (how, extra)
    for how in ("ignore_index", "sample_weight", "weight", "weight of probs")
    for extra in EXTRA
    if not (how.startswith("weight") and "label_smoothing" in extra)  # which asks for the other classes
]


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize(("how", "extra"), NO_PART)
def test_what_takes_no_part_is_exactly_nothing(how: str, extra: dict[str, Any], poison: float) -> None:
    z = torch.tensor([[poison, 1.0, poison], [0.5, -1.0, 0.25]])
    weight = torch.tensor([0.0, 1.0, 1.0])
    target = torch.tensor([-100 if how == "ignore_index" else 0, 2])
    options: dict[str, Any] = {"weight": weight} if how.startswith("weight") else {}
    if how == "sample_weight":
        options = {"sample_weight": torch.tensor([0.0, 1.0])}
    if how == "weight of probs":
        target = F.one_hot(target, 3).float()
    for reduction in ("none", "sum", "mean"):
        call = {**options, **extra, "reduction": reduction, "mean": "weighted"}
        value, grad = value_and_grads(lambda z, call=call: cross_entropy(z, target, **call), z)
        alone = {key: value for key, value in call.items() if key != "sample_weight"}
        expected = value_and_grads(lambda z, alone=alone: cross_entropy(z, target[1:], **alone), z[1:])
        assert torch.equal(grad[0], torch.zeros(3))
        if reduction == "none":
            assert value[0] == 0.0
            value, grad = value[1:], grad / 2.0
            expected = [expected[0], -expected[1]]  # their upstream gradients are 2 and -1
        torch.testing.assert_close(value, expected[0], rtol=1e-6, atol=0)
        torch.testing.assert_close(grad[1:], expected[1], rtol=1e-6, atol=0)


@pytest.mark.parametrize("extra", [{}, {"loss": "focal"}, {"loss": "poly1"}, {"z_loss": 0.1}], ids=str)
def test_a_class_that_cannot_be_and_is_not_asked_for(extra: dict[str, Any]) -> None:
    z, q = torch.tensor([[-inf, 0.5, 2.0]]).double(), torch.tensor([[0.0, 0.25, 0.75]]).double()
    value, by_z, by_q = value_and_grads(lambda z, q: cross_entropy(z, q, reduction="none", **extra), z, q)
    expected = value_and_grads(lambda z, q: cross_entropy(z, q, reduction="none", **extra), z[:, 1:], q[:, 1:])
    assert_same([value, by_z[:, 1:], by_q[:, 1:]], expected)
    assert by_z[0, 0] == 0.0
    assert by_q.isfinite().all()


@pytest.mark.parametrize("loss", TEXTBOOK, ids=losses.describe)
def test_an_impossible_target_still_has_a_direction(loss: losses.Loss) -> None:
    z = torch.tensor([[-inf, 0.0, 0.0]]).double().requires_grad_()
    value = cross_entropy(z, torch.tensor([0]), loss=loss)
    (grad,) = torch.autograd.grad(value, z)
    far = torch.tensor([[-60.0, 0.0, 0.0]]).double()
    _, expected = value_and_grads(lambda z: textbook(loss, z, torch.tensor([0])).sum(), far)
    torch.testing.assert_close(grad, -expected, rtol=1e-9, atol=1e-12)  # their upstream gradient is -1
    assert value == torch.tensor(1e9).double() if value.isfinite() and value > 1e6 else not value.isnan()


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("extra", EXTRA, ids=str)
def test_a_row_without_a_distribution_is_nan_where_it_is_asked_for(extra: dict[str, Any], poison: float) -> None:
    z = randn(3, 4).float()
    z[1] = poison if poison == -inf else z[1]
    z[1, 2] = poison
    z.requires_grad_()
    value = cross_entropy(z, torch.tensor([0, 1, 2]), reduction="none", **extra)
    assert value.isnan().tolist() == [False, True, False]
    with torch.autograd.set_detect_anomaly(True, check_nan=True):  # finds no NaN on the way of the other rows
        value = cross_entropy(z, torch.tensor([0, 1, 2]), reduction="none", **extra)
        (of_others,) = torch.autograd.grad(value, z, torch.tensor([1.0, 0.0, 1.0]), retain_graph=True)
    assert of_others.isfinite().all()
    assert torch.equal(of_others[1], torch.zeros(4))
    (grad,) = torch.autograd.grad(value, z, torch.ones(3))
    assert grad.isnan().all(dim=1).tolist() == [False, True, False]  # a scaler of gradients has to see it
    assert torch.equal(grad[[0, 2]], of_others[[0, 2]])


# --- from rows to a number --------------------------------------------------------------------------------------------


def test_means() -> None:
    z, index, s = randn(4, 3), torch.tensor([2, 0, -100, 1]), torch.tensor([1.0, 2.0, 5.0, 0.5]).double()
    weight = torch.tensor([0.5, 3.0, 2.0]).double()
    q = torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.1, 0.1, 0.8]]).double()
    rows = F.cross_entropy(z, index, weight, reduction="none")
    counted = torch.tensor([2.0, 0.5, 0.0, 3.0]).double()
    torch.testing.assert_close(cross_entropy(z, index, weight), rows.sum() / counted.sum())
    for mean in ("torch", "weighted"):
        actual = cross_entropy(z, index, weight, sample_weight=s, mean=mean)
        torch.testing.assert_close(actual, (s * rows).sum() / (s * counted).sum())
    soft, mass = F.cross_entropy(z, q, weight, reduction="none"), q @ weight
    torch.testing.assert_close(cross_entropy(z, q, weight), soft.sum() / 4)
    torch.testing.assert_close(cross_entropy(z, q, weight, sample_weight=s), (s * soft).sum() / s.sum())
    actual = cross_entropy(z, q, weight, sample_weight=s, mean="weighted")
    torch.testing.assert_close(actual, (s * soft).sum() / (s * mass).sum())
    for normalizer in (7.0, torch.tensor(7.0)):
        torch.testing.assert_close(cross_entropy(z, index, weight, normalizer=normalizer), rows.sum() / 7)


def test_the_mean_under_gradient_accumulation() -> None:
    z, y = randn(6, 3), torch.tensor([2, 0, -100, 1, -100, -100])
    _, expected = value_and_grads(lambda z: F.cross_entropy(z, y), z)
    parts = [
        value_and_grads(lambda z, i=i: cross_entropy(z, y[i], normalizer=3), z[i])[1] for i in (slice(2), slice(2, 6))
    ]
    torch.testing.assert_close(torch.cat(parts), expected)


@pytest.mark.parametrize("empty", ["nan", "zero"])
@pytest.mark.parametrize("nothing", ["ignored", "weight", "sample_weight", "no rows"])
def test_a_mean_over_nothing_moves_nothing(nothing: str, empty: str) -> None:
    z, y = torch.tensor([[nan, 1.0], [0.0, 2.0]]), torch.tensor([0, 1])
    options: dict[str, Any] = {"empty": empty}
    if nothing == "ignored":
        y = torch.tensor([-100, -100])
    elif nothing == "no rows":
        z, y = z[:0], y[:0]
    else:
        options[nothing] = torch.zeros(2)
    value, grad = value_and_grads(lambda z: cross_entropy(z, y, **options), z)
    assert value.isnan() if empty == "nan" else value == 0.0
    assert torch.equal(grad, torch.zeros_like(z))


def test_hardest_rows_only() -> None:
    z, y = randn(7, 3), torch.tensor([0, 1, 2, -100, 0, 1, 2])
    rows = F.cross_entropy(z, y, reduction="none")
    kept = rows.argsort(descending=True)[:3]  # ⌈0.5 · 6⌉ of those that take part
    actual = value_and_grads(lambda z: cross_entropy(z, y, mining=Hardest(0.5)), z)
    assert_same(actual, value_and_grads(lambda z: F.cross_entropy(z[kept], y[kept]), z))
    none = cross_entropy(z, y, mining=Hardest(0.5), reduction="none")
    assert set(none.nonzero().flatten().tolist()) == set(kept.tolist())


@pytest.mark.parametrize("kind", ["index", "probs"])
def test_hard_negatives_at_a_ratio(kind: str) -> None:
    z, y = randn(8, 3), torch.tensor([0, 0, 1, 0, 0, 0, 2, 0])
    rows = F.cross_entropy(z, y, reduction="none")
    negatives = [i for i in rows.argsort(descending=True).tolist() if y[i] == 0][:3]
    kept = torch.tensor([2, 6, *negatives])
    target = y if kind == "index" else F.one_hot(y, 3).double()
    actual = value_and_grads(lambda z: cross_entropy(z, target, mining=HardNegatives(1.5), mean="weighted"), z)
    assert_same(actual, value_and_grads(lambda z: F.cross_entropy(z[kept], y[kept]), z))


def test_a_row_that_mining_drops_may_be_nan() -> None:
    z = torch.tensor([[0.0, 1.0], [nan, 0.0], [2.0, 0.0]])
    call = {"mining": HardNegatives(0.0), "reduction": "sum"}
    value, grad = value_and_grads(lambda z: cross_entropy(z, torch.tensor([1, 0, 0]), **call), z)
    assert value == pytest.approx(math.log1p(math.exp(-1)))
    assert torch.equal(grad[1:], torch.zeros(2, 2))


@pytest.mark.parametrize("kind", ["index", "probs"])
def test_stats(kind: str) -> None:
    z = torch.tensor([[0.0, 1.0, 1.0], [2.0, -inf, 0.0], [nan, 0.0, 0.0], [1.0, 2.0, 3.0]]).double().requires_grad_()
    index = torch.tensor([1, 2, 0, -100])
    q = torch.tensor([[0.0, 0.6, 0.4], [0.3, 0.0, 0.7], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).double()
    options = {
        "temperature": 2.0,
        "prior": torch.tensor([1.0, 2.0, 1.0]),
        "weight": torch.tensor([3.0, 1.0, 2.0]).double(),
    }
    target = index if kind == "index" else q
    value, stats = cross_entropy(z, target, return_stats=True, reduction="none", **options)
    torch.testing.assert_close(value, cross_entropy(z, target, reduction="none", **options), equal_nan=True)
    assert not any(each.requires_grad for each in stats)
    shifted = z.detach() / 2 + torch.log(torch.tensor([0.25, 0.5, 0.25]).double())
    torch.testing.assert_close(stats.lse, torch.logsumexp(shifted, 1), equal_nan=True)
    log_probs = torch.log_softmax(shifted, 1)
    entropy = torch.special.entr(log_probs.exp()).sum(1)
    torch.testing.assert_close(stats.entropy, entropy, equal_nan=True)
    if kind == "index":
        expected = log_probs.gather(1, index.clamp(min=0)[:, None])[:, 0]
        expected[3] = nan
        assert stats.correct.tolist() == [True, False, False, False]
    else:
        expected = torch.where(q == 0, 0.0, q * log_probs).sum(1)
        expected[2] = nan
        assert stats.correct.tolist() == [True, False, False, True]
    torch.testing.assert_close(stats.target_log_prob, expected, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_the_result_has_the_dtype_that_is_asked_for(dtype: torch.dtype) -> None:
    z, y = randn(1000, 10).to(dtype), torch.arange(1000) % 10
    assert cross_entropy(z, y).dtype == dtype
    assert xent.cross_entropy(z, y).dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    value = cross_entropy(z, y, loss_dtype=torch.float64)
    exact = F.cross_entropy(z.double(), y)
    torch.testing.assert_close(value, exact, rtol=1e-7 if dtype != torch.float64 else 1e-14, atol=0)
    assert value_and_grads(lambda z: cross_entropy(z, y, loss_dtype=torch.float64), z)[1].dtype == dtype


# --- sigmoid entries --------------------------------------------------------------------------------------------------


def textbook_sigmoid(loss: losses.Loss, z: torch.Tensor, t: torch.Tensor, **options: Any) -> torch.Tensor:
    z = z / options.get("temperature", 1.0)
    eps = loss.label_smoothing
    t = (1 - eps) * t + eps * (0.5 if loss.smoothing == "uniform" else 1 - t)
    p = torch.sigmoid(z)
    if isinstance(loss, losses.Asymmetric):
        r = (p - loss.margin).clamp(min=0)
        one, zero = -((1 - p) ** loss.gamma_pos) * torch.log(p), -(r**loss.gamma_neg) * torch.log(1 - r)
    else:
        one, zero = definition(loss)(-torch.log(p)), definition(loss)(-torch.log(1 - p))
    if getattr(loss, "alpha", None) is not None and isinstance(loss, losses.Focal):
        one, zero = loss.alpha * one, (1 - loss.alpha) * zero
    return options.get("weight", 1.0) * (options.get("pos_weight", 1.0) * t * one + (1 - t) * zero)


SIGMOID = [
    *TEXTBOOK,
    *(replace(loss, label_smoothing=0.2) for loss in TEXTBOOK),
    *(replace(loss, label_smoothing=0.2, smoothing="others") for loss in TEXTBOOK),
    losses.Focal(2.0, alpha=0.25),
    losses.Asymmetric(1.0, 4.0, 0.05),
    losses.Asymmetric(0.0, 2.0, 0.2, label_smoothing=0.1),
]


@pytest.mark.parametrize("loss", SIGMOID, ids=losses.describe)
@pytest.mark.parametrize("names", [(), ("weight",), ("pos_weight",), ("weight", "pos_weight", "temperature")], ids=str)
def test_each_entry(loss: losses.Loss, names: tuple[str, ...]) -> None:
    every = {
        "weight": torch.tensor([1.0, 0.0, 2.0]).double(),
        "pos_weight": randn(4, 3, seed=3).exp(),
        "temperature": 0.7,
    }
    options = {name: every[name] for name in names}
    z, t = 2 * randn(4, 3), torch.sigmoid(randn(4, 3, seed=1))
    t[0], t[1] = 0.0, 1.0
    actual = value_and_grads(lambda z, t: bce(z, t, loss=loss, reduction="none", **options), z, t)
    assert_same(actual, value_and_grads(lambda z, t: textbook_sigmoid(loss, z, t, **options), z, t))


def test_weights_of_entries_broadcast_as_in_torch() -> None:
    z, t = randn(3, 4), randn(3, 4, seed=1).sigmoid()
    for shape in ((4,), (3, 1), (1, 4), (3, 4), (1,), ()):
        options = {"weight": randn(*shape, seed=2), "pos_weight": randn(*shape, seed=3), "reduction": "none"}
        call = partial(F.binary_cross_entropy_with_logits, **options)
        assert_same(value_and_grads(partial(bce, **options), z, t), value_and_grads(call, z, t))


def test_what_torch_does_not_differentiate_by_it_refuses() -> None:
    z, weight = randn(3, 4), torch.ones(4).double().requires_grad_()
    for call in (
        lambda f: f[0](z, torch.tensor([0, 1, 2]), weight),
        lambda f: f[1](z, z, weight),
        lambda f: f[1](z, z, pos_weight=weight),
    ):
        with pytest.raises(RuntimeError) as theirs:
            call((F.cross_entropy, F.binary_cross_entropy_with_logits))
        with pytest.raises(RuntimeError) as ours:
            call((cross_entropy, bce))
        assert str(ours.value) == str(theirs.value)
    # xent's own names do.
    _, grad = value_and_grads(lambda w: xent.cross_entropy(z, torch.tensor([0, 1, 2]), weight=w), weight)
    rows, total = F.cross_entropy(z, torch.tensor([0, 1, 2]), reduction="none"), 3.0
    expected = torch.zeros(4).double().index_put((torch.arange(3),), (rows - rows.mean()) / total)
    torch.testing.assert_close(grad, -expected)  # the upstream gradient is -1


@pytest.mark.parametrize("poison", POISON)
@pytest.mark.parametrize("how", ["mask", "ignore_index", "sample_weight", "weight"])
def test_what_takes_no_part_among_entries(how: str, poison: float) -> None:
    z, t = (
        torch.tensor([[poison, 0.5], [poison, -1.0]]).T.contiguous(),
        torch.tensor([[1.0, 0.0], [1.0, 1.0]]).T.contiguous(),
    )
    option: dict[str, Any] = {"mask": torch.tensor([[False], [True]])}
    if how == "ignore_index":
        t[0], option = -100.0, {"ignore_index": -100}
    elif how == "sample_weight":
        option = {"sample_weight": torch.tensor([0.0, 1.0])}
    elif how == "weight":
        option = {"weight": torch.tensor([[0.0], [1.0]])}
    value, grad = value_and_grads(lambda z: bce(z, t, **option, mean="weighted"), z)
    alone = value_and_grads(lambda z: F.binary_cross_entropy_with_logits(z, t[1:]), z[1:])
    assert torch.equal(grad[0], torch.zeros(2))
    torch.testing.assert_close([value, grad[1:]], alone, rtol=1e-6, atol=0)
    if how in ("mask", "ignore_index"):  # torch's mean is over the entries that take part
        torch.testing.assert_close(bce(z, t, **option), alone[0])


def test_hard_negatives_among_entries() -> None:
    z = torch.tensor([2.0, 0.0, -1.0, 1.0, 0.5])
    value, grad = value_and_grads(lambda z: bce(z, torch.tensor([1.0, 0, 0, 0, 0]), mining=HardNegatives(2.0)), z)
    kept = torch.tensor([0, 3, 4])
    t = torch.tensor([1.0, 0.0, 0.0])
    expected, gradient = value_and_grads(lambda z: F.binary_cross_entropy_with_logits(z, t), z[kept])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(grad, torch.zeros(5).index_put((kept,), gradient))


def test_certain_entries() -> None:
    z, t = torch.tensor([inf, -inf, inf, -inf]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    value, grad = value_and_grads(lambda z: bce(z, t, reduction="none"), z)
    assert value.tolist() == [0.0, 0.0, inf, inf]
    assert grad.tolist() == [0.0, 0.0, 1.0, -2.0]  # by the upstream gradients -1, 0, 1, 2


# --- called by xent's own names ---------------------------------------------------------------------------------------

BOTH: dict[str, dict[str, Any]] = {
    "bare": {},
    "weight": {"weight": [0.5, 2.0, 1.0]},
    "sample_weight": {"sample_weight": [1.0, 0.0, 2.0, 1.0]},
    "smoothing": {"label_smoothing": 0.1, "smoothing": "others", "weight": [0.5, 2.0, 1.0]},
    "prior": {"prior": [3.0, 1.0, 1.0], "temperature": 2.0, "softcap": 5.0, "z_loss": 0.1},
    "mining": {"mining": Hardest(0.5)},
    "none": {"reduction": "none"},
    "normalizer": {"normalizer": 3.0},
}


@pytest.mark.parametrize("options", BOTH)
@pytest.mark.parametrize("axis", [-1, 0])
@pytest.mark.parametrize("kind", ["index", "int32", "list", "probs"])
def test_softmax_losses_of_tensors_and_of_arrays_are_the_same(kind: str, axis: int, options: str) -> None:
    z = randn(4, 3) if axis == -1 else randn(3, 4)
    target: Any = torch.tensor([2, 0, -100, 1])
    if kind == "probs":
        target = randn(*z.shape, seed=1).softmax(axis)
    elif kind == "int32":
        target = target.int()
    of_arrays = target.numpy()
    target = target.tolist() if kind == "list" else target
    ours = xent.cross_entropy(z, target, axis=axis, **BOTH[options])
    theirs = xent.cross_entropy(z.numpy(), of_arrays, axis=axis, **BOTH[options])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    name = losses.Focal(1.5, alpha=(1.0, 2.0, 0.5))
    options_left = {k: v for k, v in BOTH[options].items() if k not in ("label_smoothing", "smoothing", "z_loss")}
    ours, theirs = name(z, target, axis=axis, **options_left), name(z.numpy(), of_arrays, axis=axis, **options_left)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight": [0.5, 2.0, 1.0], "pos_weight": [1.0, 3.0, 0.0]},
        {"sample_weight": [1.0, 0.0, 2.0, 1.0], "mean": "torch"},
        {"mask": [[True], [False], [True], [True]], "label_smoothing": 0.1},
        {"mining": HardNegatives(1.0), "softcap": 3.0, "temperature": 0.5},
        {"reduction": "none"},
    ],
    ids=str,
)
def test_sigmoid_losses_of_tensors_and_of_arrays_are_the_same(options: dict[str, Any]) -> None:
    z, t = randn(4, 3), (torch.arange(12).reshape(4, 3) % 3 == 0).double()
    t[3, 1] = -100
    ours, theirs = (
        xent.binary_cross_entropy(z, t, **options),
        xent.binary_cross_entropy(z.numpy(), t.numpy(), **options),
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    options = {key: value for key, value in options.items() if key != "label_smoothing"}
    loss = losses.Asymmetric()
    np.testing.assert_allclose(loss.binary(z, t, **options), loss.binary(z.numpy(), t.numpy(), **options), rtol=1e-12)


WRONG: list[tuple[Any, Any, dict[str, Any]]] = [
    (torch.zeros(2, 3), torch.tensor([0, 3]), {}),
    (torch.zeros(2, 3), torch.tensor([0.0, 1.0]), {}),
    (torch.zeros(2, 3), torch.tensor([0, 1, 2]), {}),
    (torch.zeros(2, 3), torch.ones(2, 3), {}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"axis": 2}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"weight": torch.ones(2)}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"weight": torch.tensor([1.0, -1.0, 1.0])}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"sample_weight": torch.ones(3)}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"prior": torch.tensor([1.0, 0.0, 1.0])}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"temperature": 0.0}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"softcap": -1.0}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"mean": "arithmetic"}),
    (torch.zeros(2, 3), torch.tensor([0, 1]), {"normalizer": 2.0, "reduction": "sum"}),
    (torch.zeros(2, 0), torch.tensor([0, 1]), {}),
    (torch.zeros(2, 3, dtype=torch.complex64), torch.tensor([0, 1]), {}),
]


@pytest.mark.parametrize(("z", "target", "options"), WRONG)
def test_tensors_are_refused_as_arrays_are(z: torch.Tensor, target: torch.Tensor, options: dict[str, Any]) -> None:
    arrays = {key: value.numpy() if isinstance(value, torch.Tensor) else value for key, value in options.items()}
    with pytest.raises(xent.XentError) as theirs:
        xent.cross_entropy(z.numpy(), target.numpy(), **arrays)
    with pytest.raises(type(theirs.value)) as ours:
        xent.cross_entropy(z, target, **options)
    if not z.is_complex():  # which names another dtype
        assert str(ours.value).replace("torch.", "") == str(theirs.value)


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (torch.tensor([[0.0], [1.0]]), {}),
        (torch.tensor([0.0, 1.5]), {}),
        (torch.tensor([0.0, 1.0]), {"mask": torch.ones(3, dtype=torch.bool)}),
        (torch.tensor([0.0, 1.0]), {"mask": torch.ones(2)}),
        (torch.tensor([0.0, 1.0]), {"pos_weight": torch.tensor([-1.0, 1.0])}),
    ],
)
def test_entries_are_refused_as_arrays_are(target: torch.Tensor, options: dict[str, Any]) -> None:
    arrays = {key: value.numpy() for key, value in options.items()}
    with pytest.raises(xent.XentError) as theirs:
        xent.binary_cross_entropy(np.zeros(2, np.float32), target.numpy(), **arrays)
    with pytest.raises(type(theirs.value)) as ours:
        xent.binary_cross_entropy(torch.zeros(2), target, **options)
    assert str(ours.value) == str(theirs.value)


def test_keywords_that_torch_does_not_have_are_refused_by_xent() -> None:
    z, y = torch.zeros(2, 3), torch.tensor([0, 1])
    focal = losses.Focal(2.0, alpha=(1.0, 2.0))
    for options, error, said in (
        ({"temperature": 0.0}, OptionError, "temperature must be a finite number above 0"),
        ({"loss": "focal", "label_smoothing": 0.1}, OptionError, "must be set in the loss object"),
        ({"loss": "vocal"}, OptionError, "loss must be one of"),
        ({"loss": focal}, OptionError, "alpha must be one number for each of the 3 classes; got 2"),
        ({"sample_weight": torch.ones(3)}, ShapeError, r"sample_weight must have shape \(2,\)"),
        ({"smoothing": "other"}, OptionError, "smoothing must be 'uniform' or 'others'"),
    ):
        with pytest.raises(error, match=said):
            cross_entropy(z, y, **options)
    with pytest.raises(OptionError, match="logits must be sigmoid logits"):
        cross_entropy(z, y, loss=losses.Asymmetric())
    # What only torch serves has no more options than torch.
    weight = torch.ones(2, 3, dtype=torch.int64)
    assert bce(z, z + 1, weight) == F.binary_cross_entropy_with_logits(z, z + 1, weight)
    with pytest.raises(DtypeError, match="to go with temperature"):
        bce(z, z + 1, weight, temperature=2.0)
