"""xent.torch.cross_entropy over dtypes × memory layouts × target dtypes × numbers of classes, against the definition.

The truth is computed here in a wider type than the logits have. Values are held to 4 ulp of float32, the promise of
every kernel behind it, long, short or strided along the classes; for half precision too, where that is asked for.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

import xent
import xent.torch
from xent import kernels

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
CLASSES = (1, 2, 10, 63, 64, 65, 1000, 1024, 1025, 5000)
IGNORED = -100
#: Float64 has no wider type to add up in: with a million terms a sum is right to so many ulp.
ULPS = {torch.float64: 256.0, torch.float32: 4.0}

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype).removeprefix("torch."))
inf, nan = float("inf"), float("nan")


def randn(*shape: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=torch.float64).to(dtype)


def randint(high: int, *shape: int) -> torch.Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(1))


# Each takes (number of classes, a maker of a tensor of some shape) and returns logits with the classes in axis 1. The
# 19 rows and 42 pixels are no multiple of any number of lanes.
Make = Callable[..., torch.Tensor]
DENSE: dict[str, Callable[[int, Make], torch.Tensor]] = {
    "rows": lambda k, make: make(19, k),
    "transposed rows": lambda k, make: make(k, 19).T,
    "images": lambda k, make: make(2, k, 3, 7),
    "channels-last images": lambda k, make: make(2, k, 3, 7).contiguous(memory_format=torch.channels_last),
    "images, axes exchanged": lambda k, make: make(2, k, 7, 3).transpose(2, 3),
    "images, classes last but one": lambda k, make: make(3, 2, k, 7).permute(1, 2, 0, 3),
    "sequences": lambda k, make: make(4, 5, k).transpose(1, 2),
}
LAYOUTS: dict[str, Callable[[int, Make], torch.Tensor]] = {
    **DENSE,
    "every other row": lambda k, make: make(38, k)[::2],
    "every other class": lambda k, make: make(19, 2 * k)[:, 1::2],
    "rows within longer rows": lambda k, make: make(19, k + 5)[:, 3 : k + 3],
    "every other pixel": lambda k, make: make(2, k, 3, 14)[..., ::2],
    "some channels": lambda k, make: make(2, k + 2, 3, 7)[:, 1:-1],
    "one row expanded": lambda k, make: make(1, k).expand(19, k),
    "one class expanded": lambda k, make: make(19, 1).expand(19, k),
    "one image expanded": lambda k, make: make(1, k, 3, 7).expand(2, k, 3, 7),
}


# --- the truth --------------------------------------------------------------------------------------------------------


def wide(tensor: torch.Tensor) -> Any:
    """Return the tensor in a type wider than its own, the classes last."""
    array = np.moveaxis(tensor.detach().double().numpy(), 1, -1)
    return array.astype(np.longdouble) if tensor.dtype == torch.float64 else array


def truth(logits: torch.Tensor, target: torch.Tensor) -> tuple[Any, Any]:
    """Return the value of each row and its gradient, in the logits' axes."""
    z = wide(logits)
    rows, y = z.reshape(-1, z.shape[-1]), target.numpy().reshape(-1)
    each, live = np.arange(len(rows)), y != IGNORED
    y = np.where(live, y, 0)
    top = np.where(np.isnan(rows), -np.inf, rows).argmax(axis=1)
    with np.errstate(invalid="ignore"):
        relative = rows - rows[each, top][:, None]
    exps = np.exp(relative)
    exps[each, top] = 0.0
    rest = exps.sum(axis=1)
    exps[each, top] = 1.0
    values = np.log1p(rest) - relative[each, y]
    gradient = exps / (1.0 + rest)[:, None]
    gradient[each, y] = np.where(y == top, -rest / (1.0 + rest), gradient[each, y] - 1.0)
    none = np.isnan(rows).any(axis=1) | (rows == np.inf).any(axis=1) | (rows == -np.inf).all(axis=1)
    values[none], gradient[none] = np.nan, np.nan  # a row without a distribution
    values[~live], gradient[~live] = 0.0, 0.0
    return values.reshape(target.shape), np.moveaxis(gradient.reshape(z.shape), -1, 1)


def ulps(actual: torch.Tensor, expected: Any) -> float:
    """Return the largest error in units of the last place of the dtype of ``actual``; inf at a wrong 0, NaN or inf."""
    kind = torch.finfo(actual.dtype)
    values = actual.detach().double().numpy()
    assert values.shape == expected.shape
    known = np.isfinite(expected)
    same = np.where(np.isnan(expected), np.isnan(values), values == expected)
    spacing = np.maximum(np.exp2(np.floor(np.log2(np.where(known & (expected != 0), abs(expected), 1.0)))), kind.tiny)
    with np.errstate(invalid="ignore"):
        errors = abs(values - expected) / (spacing * kind.eps)
    # Where 0 is expected, 0 it must be.
    errors = np.where(same, 0.0, np.where(known & np.isfinite(values) & (expected != 0), errors, np.inf))
    return float(errors.max(initial=0.0))


def value_and_gradient(
    logits: torch.Tensor, target: torch.Tensor, upstream: torch.Tensor | None = None, **options: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each row's loss and gradient, in the memory layout in which the logits are."""
    logits = logits.detach().requires_grad_()
    values = xent.torch.cross_entropy(logits, target, reduction="none", **options)
    (gradient,) = torch.autograd.grad(values, logits, torch.ones_like(values) if upstream is None else upstream)
    return values.detach(), gradient


def assert_bits_equal(actual: torch.Tensor, expected: torch.Tensor) -> None:
    assert actual.dtype == expected.dtype
    assert torch.equal(actual.nan_to_num(-7.0), expected.nan_to_num(-7.0))
    assert torch.equal(actual.isnan(), expected.isnan())


def assert_gradient_is_right(gradient: torch.Tensor, expected: Any, logits: torch.Tensor) -> None:
    """Each entry within 4 ulp and what rounding the difference of two logits makes of it; each row sums to 0."""
    assert gradient.dtype == logits.dtype
    assert gradient.shape == logits.shape
    wider = torch.float64 if logits.dtype == torch.float64 else torch.float32
    arithmetic, kind = torch.finfo(wider).eps, torch.finfo(gradient.dtype)
    z, actual, expected = wide(logits), wide(gradient), np.moveaxis(expected, 1, -1)
    finite = np.where(np.isfinite(z), z, 0.0)
    spread = finite.max(axis=-1, keepdims=True) - finite.min(axis=-1, keepdims=True)
    rounding = 0.0 if kind.eps == arithmetic else kind.eps
    tolerance = abs(expected) * (rounding + (ULPS[wider] + spread) * arithmetic) + kind.tiny * kind.eps
    known = np.isfinite(expected)
    assert (np.isnan(actual) == ~known).all()
    assert (abs(actual - expected) <= np.where(expected == 0, 0.0, tolerance))[known].all()
    sums = actual.sum(axis=-1)
    # Each entry of a narrow dtype is rounded by itself, by up to half an ulp.
    slack = 1e-6 if rounding == 0 else kind.eps + kind.tiny * kind.eps * actual.shape[-1]
    assert (abs(sums[known.all(axis=-1)]) <= slack).all()


# --- the grid ---------------------------------------------------------------------------------------------------------


def spoil(logits: torch.Tensor, target: torch.Tensor) -> None:
    """Write what is no number into logits that own their entries: into rows that are ignored, and rows that are not."""
    view, n_classes = logits.movedim(1, -1), logits.shape[1]
    places = list(np.ndindex(target.shape))
    for place, bad in zip(places[1:6], (-inf, inf, nan, nan, inf), strict=True):
        view[place] = bad
    target[places[4]] = target[places[5]] = IGNORED
    view[places[6]][n_classes // 2] = nan
    view[places[7]][n_classes - 1] = inf
    if n_classes > 1:
        view[places[8]][(target[places[8]] + 1) % n_classes] = -inf  # one class less
        view[places[9]][target[places[9]]] = -inf  # an impossible target: a loss of +inf, a gradient of p - 1 = -1


@each_dtype
@pytest.mark.parametrize("n_classes", CLASSES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_and_gradients(layout: str, n_classes: int, dtype: torch.dtype) -> None:
    logits = LAYOUTS[layout](n_classes, lambda *shape: randn(*shape, dtype=dtype))
    target = randint(n_classes, len(logits), *logits.shape[2:])
    target.view(-1)[::5] = IGNORED
    if "expanded" not in layout:
        spoil(logits, target)
    before = logits.clone()
    values, gradient = value_and_gradient(logits, target)
    expected, expected_gradient = truth(logits, target)
    assert values.dtype == dtype
    precise = values
    if dtype.itemsize == 2:
        assert ulps(values, expected) <= 0.51  # rounded once
        precise, same_gradient = value_and_gradient(logits, target, loss_dtype=torch.float32)
        assert_bits_equal(same_gradient, gradient)
    assert ulps(precise, expected) <= ULPS[precise.dtype]
    assert_gradient_is_right(gradient, expected_gradient, logits)
    assert_bits_equal(logits, before)

    # The same targets in another dtype: the same bits. Torch refuses int32, and so does its drop-in.
    leaf = logits.detach().requires_grad_()
    by_int32 = xent.cross_entropy(leaf, target.int(), axis=1, reduction="none")
    assert_bits_equal(by_int32.detach(), precise)  # float32 for half precision
    assert_bits_equal(*torch.autograd.grad(by_int32, leaf, torch.ones_like(by_int32)), gradient)
    low = torch.where(target == IGNORED, 255, target % 250)
    by_byte = value_and_gradient(logits, low.byte(), ignore_index=255)
    for actual, wanted in zip(by_byte, value_and_gradient(logits, low, ignore_index=255), strict=True):
        assert_bits_equal(actual, wanted)


@pytest.mark.skipif(kernels.compiled() is None, reason="torch's own operators lay their results out as they like")
@pytest.mark.parametrize("n_classes", (10, 65, 1000))
@pytest.mark.parametrize("layout", DENSE)
def test_the_gradient_lies_in_memory_as_the_logits_do(layout: str, n_classes: int) -> None:
    logits = DENSE[layout](n_classes, lambda *shape: randn(*shape, dtype=torch.float32))
    target = randint(n_classes, len(logits), *logits.shape[2:])
    assert value_and_gradient(logits, target)[1].stride() == logits.stride()


@pytest.mark.parametrize("layout", ["rows", "columns", "wide columns"])
@each_dtype
def test_a_million_classes(dtype: torch.dtype, layout: str) -> None:
    n_classes = 1_000_000
    if layout == "rows":
        logits = 3 * randn(2, n_classes, dtype=dtype)
    elif layout == "columns":
        logits = 3 * randn(1, n_classes, 2, dtype=dtype)
    else:
        logits = (3 * randn(n_classes, 5, dtype=dtype))[:, ::2].T[:2]
    target = torch.tensor([n_classes - 1, 12_345]).reshape(logits[:, 0].shape)
    values, gradient = value_and_gradient(
        logits, target, **({"loss_dtype": torch.float32} if dtype.itemsize == 2 else {})
    )
    expected, expected_gradient = truth(logits, target)
    assert ulps(values, expected) <= ULPS[values.dtype]
    assert_gradient_is_right(gradient, expected_gradient, logits)


@each_dtype
@pytest.mark.parametrize("n_classes", (2, 10, 65, 1025))
@pytest.mark.parametrize("layout", ["rows", "images", "channels-last images"])
def test_confident_rows_keep_their_digits(layout: str, n_classes: int, dtype: torch.dtype) -> None:
    # Multiples of 1/4, or coarser ones: their differences are exact in float32, there is nothing to excuse an ulp.
    def make(*shape: int) -> torch.Tensor:
        return ((randn(*shape, dtype=torch.float64) * 4).round() / 4).to(dtype)

    logits = LAYOUTS[layout](n_classes, make)
    target = randint(n_classes, len(logits), *logits.shape[2:])
    lead = (torch.arange(target.numel()) * 80 // target.numel()).to(dtype).reshape(target.shape)
    logits = torch.empty_like(logits).copy_(logits.scatter_add(1, target.unsqueeze(1), lead.unsqueeze(1)))
    options = {"loss_dtype": torch.float32} if dtype.itemsize == 2 else {}
    values, gradient = value_and_gradient(logits, target, **options)
    expected, expected_gradient = truth(logits, target)
    assert expected.min() < 1e-25
    assert ulps(values, expected) <= ULPS[values.dtype]
    assert_gradient_is_right(gradient, expected_gradient, logits)


@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_reductions(reduction: str, layout: str, dtype: torch.dtype) -> None:
    logits = LAYOUTS[layout](65, lambda *shape: randn(*shape, dtype=dtype))
    target = randint(65, len(logits), *logits.shape[2:])
    target.view(-1)[::5] = IGNORED
    leaf = logits.detach().requires_grad_()
    options = {"loss_dtype": torch.float32} if dtype.itemsize == 2 else {}
    value = xent.torch.cross_entropy(leaf, target, reduction=reduction, **options)
    (gradient,) = torch.autograd.grad(value, leaf)
    expected, expected_gradient = truth(logits, target)
    divisor = (target != IGNORED).sum().item() if reduction == "mean" else 1
    assert ulps(value, np.asarray(expected.sum() / divisor)) <= ULPS[value.dtype]
    assert_gradient_is_right(gradient, expected_gradient / divisor, logits)


# --- probability targets ----------------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("n_classes", (1, 10, 65, 1025))
@pytest.mark.parametrize("target_layout", ["as logits", "contiguous", "one expanded", "other dtype"])
@pytest.mark.parametrize("layout", ["rows", "transposed rows", "every other class", "images", "channels-last images"])
def test_probability_targets(layout: str, target_layout: str, n_classes: int, dtype: torch.dtype) -> None:
    logits = LAYOUTS[layout](n_classes, lambda *shape: randn(*shape, dtype=dtype))
    probs = randn(*logits.shape, dtype=torch.float64).roll(1, 0).mul(2).softmax(1)
    target = {
        "as logits": lambda: torch.empty_like(logits).copy_(probs),
        "contiguous": lambda: probs.to(dtype),
        "one expanded": lambda: probs[:1].to(dtype).expand(logits.shape),
        "other dtype": lambda: probs.float(),
    }[target_layout]()
    weight = (torch.arange(n_classes) % 5).to(dtype)
    options = {"weight": weight, "label_smoothing": 0.1}
    leaves = [logits.detach().requires_grad_(), target.detach().requires_grad_()]
    differentiable = xent.torch.cross_entropy(leaves[0], leaves[1], reduction="none", **options)
    by_both = torch.autograd.grad(differentiable, leaves, torch.ones_like(differentiable))
    values, gradient = value_and_gradient(logits, target, **options)  # a target that is a constant may be served faster

    z, w = wide(logits), weight.double().numpy()
    t = w * (0.9 * np.moveaxis(target.double().numpy(), 1, -1).astype(z.dtype) + 0.1 / n_classes)
    relative = z - z.max(axis=-1, keepdims=True)
    log_probs = relative - np.log(np.exp(relative).sum(axis=-1, keepdims=True))
    expected = -(t * log_probs).sum(axis=-1)
    softmax_term = t.sum(axis=-1, keepdims=True) * np.exp(log_probs)
    wider = torch.float64 if dtype == torch.float64 else torch.float32
    arithmetic = ULPS[wider] * torch.finfo(wider).eps
    for actual in (values, differentiable):
        assert actual.dtype == torch.promote_types(logits.dtype, target.dtype)
        error = abs(actual.detach().double().numpy() - expected)
        assert (error <= (torch.finfo(actual.dtype).eps + arithmetic) * expected).all()
    for actual in (gradient, by_both[0]):
        kind, error = torch.finfo(actual.dtype), abs(wide(actual) - (softmax_term - t))
        allowed = kind.eps * abs(softmax_term - t) + 2 * arithmetic * (softmax_term + t) + kind.tiny * kind.eps
        assert (error <= allowed).all()
    of_target = -0.9 * w * log_probs
    error = abs(wide(by_both[1]) - of_target)
    assert (error <= (torch.finfo(target.dtype).eps + 2 * arithmetic) * abs(of_target)).all()


@each_dtype
@pytest.mark.parametrize("shape", [(9001, 501), (70001, 61), (5, 11, 200, 400), (3, 7, 211, 977), (9, 470_001)])
@pytest.mark.parametrize("soft", [False, True])
def test_gradients_that_no_cache_keeps_have_the_same_bits(
    shape: tuple[int, ...], soft: bool, dtype: torch.dtype
) -> None:
    """Those of many megabytes take another way to memory than those of some of their rows."""
    logits = 3 * randn(*shape, dtype=torch.float32).to(dtype)
    rows = (shape[0], *shape[2:])
    target = torch.softmax(randn(*shape, dtype=torch.float32), 1).to(dtype) if soft else randint(shape[1], *rows)
    if not soft:
        target.view(-1)[::7] = IGNORED
    assert logits.nbytes > 2**23

    def gradient(part: slice) -> torch.Tensor:
        some = logits[part].detach().requires_grad_()
        value = xent.torch.cross_entropy(some, target[part], reduction="sum")
        return torch.autograd.grad(value, some)[0]

    whole = gradient(slice(None))
    step = max(1, shape[0] // 20) if len(shape) == 2 else 1
    for start in range(0, shape[0], step):
        part = slice(start, start + step)
        assert_bits_equal(gradient(part), whole[part])


# --- more than 32 bits can count --------------------------------------------------------------------------------------


def test_more_than_two_to_the_31_logits() -> None:
    """All of them one row, which lies in memory once."""
    row = 3 * randn(1, 2**16, dtype=torch.float32)
    logits, target = row.expand(2**15 + 3, -1), torch.zeros(2**15 + 3, dtype=torch.int64)
    target[-1] = 5
    expected = np.concatenate([truth(row, torch.tensor([label]))[0] for label in (0, 5)])
    values = xent.torch.cross_entropy(logits, target, reduction="none")
    assert ulps(values[[0, -1]], expected) <= ULPS[torch.float32]
    assert bool((values[:-1] == values[0]).all())
    total = xent.torch.cross_entropy(logits, target, reduction="sum", loss_dtype=torch.float64)
    assert total.item() == pytest.approx((2**15 + 2) * expected[0] + expected[1], rel=1e-7)


@pytest.mark.parametrize(
    ("shape", "strides"), [((3, 4), (2**30 + 16, 1)), ((2, 70), (2**31 + 64, 1)), ((4, 3), (1, 2**30 + 1))]
)
def test_addresses_beyond_the_reach_of_32_bits(shape: tuple[int, int], strides: tuple[int, int]) -> None:
    """What lies between these numbers is never touched, and so never there."""
    near_by = randn(*shape, dtype=torch.float32).to(torch.bfloat16).requires_grad_()
    target = randint(shape[1], shape[0])
    far = torch.empty(2**31 + 256, dtype=torch.bfloat16).as_strided(shape, strides)
    with torch.no_grad():
        far.copy_(near_by)
    far.requires_grad_()
    value, expected = (xent.torch.cross_entropy(each, target, loss_dtype=torch.float32) for each in (far, near_by))
    assert_bits_equal(value, expected)
    (gradient,), (wanted,) = torch.autograd.grad(value, far), torch.autograd.grad(expected, near_by)
    assert_bits_equal(gradient, wanted)


# --- the same bits however the rows are dealt with --------------------------------------------------------------------


@contextmanager
def threads(n: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@each_dtype
@pytest.mark.parametrize(("n_rows", "n_classes"), [(4099, 3), (4099, 10), (517, 64), (517, 65), (70, 5000)])
def test_the_bits_do_not_depend_on_threads_or_on_the_batch(n_rows: int, n_classes: int, dtype: torch.dtype) -> None:
    logits, target = 3 * randn(n_rows, n_classes, dtype=dtype), randint(n_classes, n_rows)
    target[::7] = IGNORED
    with threads(1):
        values, gradient = value_and_gradient(logits, target)
        mean = xent.torch.cross_entropy(logits, target)
    for n in (2, 3, 4):
        with threads(n):
            for actual, wanted in zip(value_and_gradient(logits, target), (values, gradient), strict=True):
                assert_bits_equal(actual, wanted)
            assert_bits_equal(xent.torch.cross_entropy(logits, target), mean)
    bounds = [0, 1, 17, 33, n_rows // 2, n_rows]
    for start, stop in pairwise(bounds):
        some = value_and_gradient(logits[start:stop], target[start:stop])
        for actual, wanted in zip(some, (values, gradient), strict=True):
            assert_bits_equal(actual, wanted[start:stop])


@pytest.mark.parametrize("n_classes", (3, 21, 65))
def test_the_bits_do_not_depend_on_how_images_are_cut(n_classes: int) -> None:
    logits, target = 3 * randn(2, n_classes, 9, 31, dtype=torch.float32), randint(n_classes, 2, 9, 31)
    values, gradient = value_and_gradient(logits, target)
    for part in ((slice(None), slice(2, 9), slice(None)), (slice(1, 2), slice(None), slice(5, 22))):
        batch, height, width = part
        some = value_and_gradient(logits[batch, :, height, width], target[part])
        assert_bits_equal(some[0], values[part])
        assert_bits_equal(some[1], gradient[batch, :, height, width])
