"""The Triton kernels against the definitions in 40 digits, on a GPU or, with TRITON_INTERPRET=1, without one.

pytest does not collect this file by its name: test_triton.py runs it, in a process of its own.
"""

from __future__ import annotations

import math
import os
from functools import cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
import torch

from xent.kernels import triton as kernels

if os.environ.get("TRITON_INTERPRET") == "1":
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

    def create_fma(self: Any, x: Any, y: Any, z: Any) -> Any:
        """Round once, as a GPU does; the interpreters of older releases round the product too."""
        wide = x.data.astype(np.longdouble) * y.data.astype(np.longdouble) + z.data.astype(np.longdouble)
        return TensorHandle(wide.astype(z.data.dtype), z.dtype.scalar)

    InterpreterBuilder.create_fma = create_fma

DEVICE = "cpu" if kernels.supports(torch.empty(0)) else "cuda"
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
TINY = 2.0**-126  # smaller float32 numbers may be taken for 0
MP = mpmath.mp.clone()
MP.dps = 40

#: What may be done to logits; the numbers are exact in float32.
OPTIONS = {
    "plain": {},
    "scale": {"scale": 0.8125},
    "softcap": {"softcap": 6.0},
    "offset": {"offset": True},
    "all": {"scale": 1.25, "softcap": 9.0, "offset": True},
}


def eps_of(dtype: torch.dtype) -> float:
    """The unit of the numbers that are computed with."""
    return 2.0**-52 if dtype == torch.float64 else 2.0**-23


def rounding_of(dtype: torch.dtype) -> float:
    """What storing a number may cost. (The interpreter cuts bfloat16 numbers off, which a GPU rounds.)"""
    cut = dtype == torch.bfloat16 and DEVICE == "cpu"
    return float(torch.finfo(dtype).eps) * (1.0 if cut else 0.51)


def device(array: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    return torch.as_tensor(np.asarray(array)).to(DEVICE, dtype)


def host(tensor: torch.Tensor) -> np.ndarray:
    return tensor.double().cpu().numpy() if tensor.is_floating_point() else tensor.cpu().numpy()


class Truth(NamedTuple):
    """What a row is by definition; NaN and -1 where it has no distribution."""

    max: np.ndarray
    log_sum: np.ndarray
    relative: np.ndarray  # z - max
    probs: np.ndarray
    others: np.ndarray  # 1 - probs
    slope: np.ndarray  # d z / d logits
    size: float  # the largest |z|


def truth(logits: np.ndarray, *, scale: float = 1.0, softcap: float | None = None, offset: Any = None) -> Truth:
    """The definitions, with no thought for stability: 40 digits need none."""
    n, n_classes = logits.shape
    shift = np.zeros(n_classes) if offset is None else host(offset)
    out = Truth(np.full(n, np.nan), np.full(n, np.nan), *(np.full(logits.shape, np.nan) for _ in range(4)), 0.0)
    size = 0.0
    for i, row in enumerate(logits):
        z = []
        for k, value in enumerate(row):
            x, slope = MP.mpf(float(value)), MP.mpf(scale)
            if softcap is not None:
                slope *= MP.sech(x / softcap) ** 2 if np.isfinite(value) else (MP.nan if np.isnan(value) else 0)
                x = softcap * MP.tanh(x / softcap) if np.isfinite(value) else softcap * MP.sign(x)
            out.slope[i, k] = slope
            z.append(scale * x + MP.mpf(float(shift[k])))
        if any(MP.isnan(each) for each in z):
            continue
        top = max(z)
        out.max[i] = top
        if MP.isinf(top):
            continue
        size = max(size, *(abs(float(each)) for each in z if MP.isfinite(each)))
        exps = [MP.exp(each - top) for each in z]
        first = z.index(top)
        rest = MP.fsum(each for k, each in enumerate(exps) if k != first)
        out.log_sum[i] = MP.log1p(rest)
        for k in range(n_classes):
            out.relative[i, k] = z[k] - top
            out.probs[i, k] = exps[k] / (1 + rest)
            others = rest if k == first else 1 + (rest - exps[k])
            out.others[i, k] = others / (1 + rest)
    return out._replace(size=size)


def dot(coef: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """Σ coef · relative of each row, 0 · (-inf) = 0."""
    with np.errstate(invalid="ignore"):
        return np.where((coef == 0) & (relative == -np.inf), 0.0, coef * relative).sum(axis=1)


def near(actual: Any, expected: np.ndarray, relative: Any, absolute: Any = 0.0) -> None:
    actual = host(actual) if isinstance(actual, torch.Tensor) else actual
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite])
    bound = (relative * np.abs(np.where(finite, expected, 0.0)) + absolute)[finite]
    error = np.abs(actual[finite] - expected[finite])
    assert (error <= bound).all(), f"{(error / bound).max()} times what is allowed"


EDGES = [
    [math.nan, 0.0, 1.0, 2.0],
    [math.inf, 0.0, 1.0, 2.0],
    [math.inf, math.inf, -math.inf, 2.0],
    [math.inf, math.nan, -math.inf, 2.0],
    [-math.inf, -math.inf, -math.inf, -math.inf],
    [-math.inf, 3.0, -math.inf, 2.5],
    [-math.inf, -math.inf, -math.inf, 2.0],
    [0.0, -0.0, 0.0, 0.0],
    [1e4, -1e4, 1e4, 0.0],
    [50.0, 0.0, 1.0, 2.0],
    [300.0, 200.0, 0.0, -60000.0],
]


def make_logits(dtype: torch.dtype, options: str = "plain", n_classes: int = 21) -> torch.Tensor:
    """Rows of every kind, their odd numbers in places that vary."""
    rng = np.random.default_rng(0)
    rows = [spread * rng.normal(size=n_classes) for spread in (0.1, 3.0, 12.0)]
    for edge in EDGES:
        row = 2.0 * rng.normal(size=n_classes)
        row[rng.permutation(n_classes)[:4]] = edge
        rows.append(row if any(map(math.isfinite, edge)) else np.full(n_classes, edge[0]))
    if options == "plain":  # a masked row, masked by what is not -inf
        lowest = torch.finfo(dtype).min
        rows += [np.full(n_classes, lowest), np.where(np.arange(n_classes) % 3 > 0, lowest, -np.inf)]
    return torch.tensor(np.array(rows)).to(dtype).to(DEVICE)


def make_options(name: str, n_classes: int = 21) -> dict[str, Any]:
    options = dict(OPTIONS[name])
    if "offset" in options:
        shifts = np.random.default_rng(1).integers(-20, 5, n_classes) / 8
        options["offset"] = device(np.where(np.arange(n_classes) == 2, -np.inf, shifts), torch.float32)
    return options


@cache
def problem(dtype: torch.dtype, name: str) -> tuple[torch.Tensor, dict[str, Any], Truth, float, float]:
    """Logits, options, what is true of them, the unit of the computation, and what rounding z costs."""
    logits, options = make_logits(dtype, name), make_options(name)
    expected, eps = truth(host(logits), **options), eps_of(dtype)
    rounded = "softcap" in options or "offset" in options  # a scale alone is applied to differences
    return logits, options, expected, eps, 4 * eps * expected.size * rounded


CASES = [(torch.float32, name, "whole") for name in OPTIONS] + [(torch.float64, "scale", "whole")]
CASES += [(dtype, name, "whole") for dtype in DTYPES[1:] for name in ("plain", "all")]
CASES += [(torch.float32, name, "in tiles") for name in OPTIONS] + [(torch.bfloat16, "all", "in tiles")]


@pytest.fixture
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A problem, in one tile or over several, which else only very long rows need."""
    dtype, name, tile = request.param
    if tile == "in tiles":
        monkeypatch.setattr(kernels, "_tile_shape", lambda *_, **__: (16, 8, 1))
    return problem(dtype, name)


every_case = pytest.mark.parametrize(
    "case", CASES, indirect=True, ids=lambda case: f"{str(case[0])[6:]}, {case[1]}, {case[2]}"
)


# ---- the three functions, over dtypes × targets × options × edge rows ------------------------------------------------


@every_case
def test_row_stats_are_the_definitions(case):
    logits, options, expected, eps, rounding = case
    (n, n_classes), rng = logits.shape, np.random.default_rng(2)
    index = rng.integers(-2, n_classes, n)
    coef = np.where(rng.random(n_classes) < 0.3, 0.0, rng.integers(1, 9, n_classes) / 8)
    stats = kernels.row_stats(logits, device(index), device(coef), extras=True, **options)
    assert {each.dtype for each in stats[:5]} == {torch.float64 if logits.dtype == torch.float64 else torch.float32}
    near(stats.max, expected.max, 2 * eps, rounding)
    near(stats.log_sum, expected.log_sum, 12 * eps, rounding + TINY)
    at_index = np.where(index >= 0, expected.relative[np.arange(n), index], 0.0)
    near(stats.target_logit, at_index, 3 * eps, rounding)
    near(stats.mean_logit, dot(coef, expected.relative), 8 * eps, rounding * coef.sum())
    near(stats.expected_logit, dot(expected.probs, expected.relative), 12 * eps, 12 * eps + 4 * rounding)
    void = np.isnan(expected.log_sum)
    np.testing.assert_array_equal(host(stats.predicted), np.where(void, -1, expected.relative.argmax(axis=1)))

    probs = np.where(rng.random(logits.shape) < 0.5, 0.0, rng.integers(1, 9, logits.shape) / 8)
    stats = kernels.row_stats(logits, device(probs), **options)
    near(stats.log_sum, expected.log_sum, 12 * eps, rounding + TINY)
    near(stats.target_logit, dot(probs, expected.relative), 8 * eps, rounding * probs.sum(axis=1))
    np.testing.assert_array_equal(host(stats.mean_logit), 0.0)
    assert stats.expected_logit is None and stats.predicted is None


@every_case
def test_row_grad_is_the_definition(case):
    logits, options, expected, eps, rounding = case
    (n, n_classes), rng = logits.shape, np.random.default_rng(3)
    by_softmax, by_target, by_class = coefs = rng.integers(-16, 17, (3, n)) / 8
    by_target[::3] = -by_softmax[::3]
    coefs[:, 1::4] = 0.0  # among them rows with NaN and infinities
    index = rng.integers(-2, n_classes, n)
    one_hot = (np.arange(n_classes) == index[:, None]).astype(float)
    probs = rng.integers(0, 9, logits.shape) / 8
    c = rng.integers(1, 9, n_classes) / 8
    for target, t, with_class in ((index, one_hot, True), (probs, probs, False), (None, 0.0, True)):
        labels = None if target is None else device(target)
        class_coef = device(c) if with_class else None
        arguments = (logits, device(by_softmax), device(by_target), labels, device(by_class), class_coef)
        grad = by_softmax[:, None] * expected.probs + by_target[:, None] * t
        if target is index:  # where 1 is taken from p, p - 1 is minus the others
            at_label = (by_softmax + by_target)[:, None] - by_softmax[:, None] * expected.others
            grad = np.where((one_hot == 1) & (by_target != 0)[:, None], at_label, grad)
        grad = (grad + with_class * by_class[:, None] * c) * expected.slope
        live = (by_softmax != 0) | (by_target != 0) | (with_class * by_class != 0)
        grad = np.where(live[:, None], grad, 0.0)
        relative = rounding_of(logits.dtype) + 8 * eps
        absolute = (8 * eps + 4 * rounding) * expected.slope + torch.finfo(logits.dtype).smallest_normal
        absolute = np.where(np.isnan(absolute), 0.0, absolute)
        stats = kernels.row_stats(logits, labels, class_coef, **options)
        both, fused = kernels.row_stats_and_grad(*arguments, **options)
        for result in (kernels.row_grad(*arguments, **options, stats=stats), fused):
            assert result.dtype == logits.dtype and result.shape == logits.shape
            near(result, grad, relative, absolute)
            np.testing.assert_array_equal(host(result)[~live], 0.0)
        torch.testing.assert_close(kernels.row_grad(*arguments, **options), fused, rtol=0, atol=0, equal_nan=True)
        for a, b in zip(both[:4], stats[:4], strict=True):
            near(a, host(b), 8 * eps)


@every_case
def test_row_softmax_is_the_definition(case):
    logits, options, expected, eps, rounding = case
    probs, log_probs = kernels.row_softmax(logits, **options), kernels.row_softmax(logits, **options, log=True)
    assert probs.dtype == log_probs.dtype == logits.dtype
    own, of_dtype = rounding_of(logits.dtype), torch.finfo(logits.dtype)
    distance = np.where(np.isfinite(expected.relative), -expected.relative, 0.0)  # is rounded before exp
    near(probs, expected.probs, own + eps * (8 + distance) + rounding, of_dtype.smallest_normal)
    truly = expected.relative - expected.log_sum[:, None]
    truly = np.where(truly < of_dtype.min * (1 + of_dtype.eps / 4), -np.inf, truly)  # float16 ends at -65504
    near(log_probs, truly, own + 16 * eps, rounding + of_dtype.smallest_normal)


# ---- accuracy --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "n_classes"),
    [*((torch.float32, k) for k in (1, 2, 3, 1000, 4097, 50_257, 200_000)), (torch.bfloat16, 1000)],
)
def test_lse_is_within_4_ulp(dtype, n_classes):
    """Of float32, for logits that are spread, and for the hardest: all of them alike, far below one or below none."""
    rng = np.random.default_rng(n_classes)
    alike = np.full(n_classes, 0.3)
    one = alike.copy()
    one[n_classes // 2] = 12.1
    rows = np.array([3.0 * rng.normal(size=n_classes), rng.normal(size=n_classes) - 8.0, alike, one])
    logits = device(rows, dtype)
    for scale in (1.0, 0.8125) if n_classes < 200_000 else (1.0,):
        stats = kernels.row_stats(logits, scale=scale)
        for row, top, log_sum in zip(scale * host(logits), host(stats.max), host(stats.log_sum), strict=True):
            rest = math.fsum(np.exp(np.delete(row, row.argmax()) - row.max()))
            assert abs(log_sum - math.log1p(rest)) <= 4 * np.spacing(np.float32(math.log1p(rest)))
            assert top == np.float32(row.max())
            lse = top + log_sum
            assert abs(lse - (row.max() + math.log1p(rest))) <= 4 * np.spacing(np.float32(abs(lse)))


def test_what_is_met_before_a_larger_logit_is_as_exact(monkeypatch):
    """499 logits, one after the other in a tile of one column, and then one that is as much as they together."""
    monkeypatch.setattr(kernels, "_tile_shape", lambda *_, **__: (1, 1, 1))
    row = np.full((1, 500), 0.53, dtype=np.float32)
    row[0, -1] = 6.73  # 0.53 - 6.73 is rounded by 2.4e-7
    rest = 499 * math.exp(float(row[0, 0]) - float(row[0, -1]))
    assert 1.0 < rest < 1.1
    log_sum = host(kernels.row_stats(device(row)).log_sum)[0]
    assert abs(log_sum - math.log1p(rest)) <= 2 * np.spacing(np.float32(log_sum))


def test_gradient_rows_sum_to_0():
    logits = device(4.0 * np.random.default_rng(0).normal(size=(3, 30_000)), torch.float32)
    ones, index = torch.ones(3, device=DEVICE), torch.tensor([0, 29_999, 5_000], device=DEVICE)
    for stats in (None, kernels.row_stats(logits)):
        grad = host(kernels.row_grad(logits, ones, -ones, index, stats=stats))
        assert np.abs(grad.sum(axis=1)).max() < 1e-6
        assert (grad[np.arange(3), host(index)] < -0.9).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_confident_row_keeps_its_gradient(dtype):
    """The probability is 1 to the last bit, and 1 - p = e^-13 + e^-14 all the same (bfloat16 in torch: 0)."""
    logits = torch.tensor([[14.0, 1.0, 0.0], [60.0, 0.0, -4.0]], dtype=dtype, device=DEVICE)
    ones, index = torch.ones(2, device=DEVICE), torch.zeros(2, dtype=torch.int64, device=DEVICE)
    for stats in (None, kernels.row_stats(logits)):
        grad = host(kernels.row_grad(logits, ones, -ones, index, stats=stats))[:, 0]
        truth_0, truth_1 = math.exp(-13) + math.exp(-14), math.exp(-60) + math.exp(-64)
        if dtype == torch.float16:  # its smallest number is 6e-8
            assert abs(grad[0] + truth_0) <= 6e-8 and grad[1] == 0.0
        else:
            near(grad, np.array([-truth_0 / (1 + truth_0), -truth_1]), rounding_of(dtype) + 8 * eps_of(dtype))


def test_a_small_probability_at_the_label_is_not_1_minus_the_others():
    """Where nothing is taken from it: p = e^-20 is no difference of numbers near 1."""
    logits, ones = torch.tensor([[20.0, 0.0]], device=DEVICE), torch.ones(1, device=DEVICE)
    grad = kernels.row_grad(logits, ones, 0 * ones, torch.tensor([1], device=DEVICE))
    near(grad[:, 1], np.array([math.exp(-20) / (1 + math.exp(-20))]), 8 * eps_of(logits.dtype))


def test_scale_is_applied_to_differences():
    """Scaled logits near 1000 would be rounded by 3e-5; the loss of these is 2e-6."""
    logits = torch.tensor([[1001.5, 981.25, 970.0]], device=DEVICE)
    stats = kernels.row_stats(logits, torch.tensor([0], device=DEVICE), scale=0.7)
    rest = math.exp(-0.7 * 20.25) + math.exp(-0.7 * 31.5)
    near(stats.log_sum - stats.target_logit, np.array([math.log1p(rest)]), 8 * eps_of(logits.dtype))
    grad = kernels.row_grad(logits, *torch.tensor([[1.0], [-1.0]], device=DEVICE), device([0]), scale=0.7, stats=stats)
    near(grad[:, 0], np.array([-0.7 * rest / (1 + rest)]), 8 * eps_of(logits.dtype))


def test_softcap_has_a_slope_where_it_is_saturated():
    """1 - tanh² is 4e-26 at 30 caps; 1 - 1·1 would be 0. At infinity it is 0, and the row is no NaN."""
    logits = torch.tensor([[90.0, -90.0, 0.0], [math.inf, 0.0, -math.inf]], device=DEVICE)
    coef = torch.ones(2, device=DEVICE)
    grad = host(kernels.row_grad(logits, coef, 0 * coef, softcap=3.0))
    total = math.exp(3) + math.exp(-3) + 1
    slope = 1 / math.cosh(30) ** 2
    near(grad[0], np.array([math.exp(3) * slope, math.exp(-3) * slope, 1.0]) / total, 1e-6)
    near(grad[1], np.array([0.0, 1.0 / total, 0.0]), 1e-6)


# ---- targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_labels_of_every_integer_dtype(dtype):
    logits = device(np.arange(12.0).reshape(3, 4) % 5, torch.float32)
    stats = kernels.row_stats(logits, torch.tensor([3, 0, 2], dtype=dtype, device=DEVICE))
    np.testing.assert_array_equal(host(stats.target_logit), [0.0, 0.0, -4.0])


@pytest.mark.parametrize("ignored", [-100, 1, 255])
def test_labels_that_take_no_part(ignored):
    logits = device(np.arange(16.0).reshape(4, 4) % 5, torch.float32)
    logits[2] = math.nan
    label = torch.tensor([ignored, 2, ignored, -7], device=DEVICE)
    ones = torch.ones(4, device=DEVICE)
    stats, grad = kernels.row_stats_and_grad(logits, ones, -ones, label, ignore_index=ignored)
    np.testing.assert_array_equal(host(stats.target_logit), [0.0, -3.0, 0.0, 0.0])
    np.testing.assert_array_equal(np.isnan(host(stats.log_sum)), [False, False, True, False])
    probs = host(kernels.row_softmax(logits))
    probs[1, 2] -= 1.0
    near(grad, probs, 1e-6)


def test_a_label_that_is_no_class_makes_its_row_nan_and_reads_nothing():
    logits = torch.zeros(3, 4, device=DEVICE)
    label, ones = torch.tensor([4, 10**15, 3], device=DEVICE), torch.ones(3, device=DEVICE)
    stats, grad = kernels.row_stats_and_grad(logits, ones, -ones, label)
    np.testing.assert_array_equal(host(stats.target_logit), [math.nan, math.nan, 0.0])
    np.testing.assert_array_equal(host(grad)[:2], math.nan)
    near(grad[2], np.array([0.25, 0.25, 0.25, -0.75]), 1e-6)
    np.testing.assert_array_equal(host(kernels.row_grad(logits, 0 * ones, 0 * ones, label)), 0.0)


def test_statistics_of_others_serve_row_grad():
    """Someone may have kept max and log_sum alone."""
    logits = device(np.random.default_rng(0).normal(size=(3, 5)), torch.float32)
    ones, nothing = torch.ones(3, device=DEVICE), torch.zeros(3, device=DEVICE)
    for options in ({}, {"scale": 0.7}, {"scale": 0.7, "offset": torch.linspace(-1, 1, 5, device=DEVICE)}):
        full = kernels.row_stats(logits, **options)
        short = kernels.RowStats(full.max, full.log_sum, nothing, nothing)
        expected = host(kernels.row_grad(logits, ones, -ones, device([0, 1, 2]), stats=full, **options))
        near(kernels.row_grad(logits, ones, -ones, device([0, 1, 2]), stats=short, **options), expected, 0.0, 1e-6)


# ---- layouts ---------------------------------------------------------------------------------------------------------

RNG = np.random.default_rng(7)
VIEWS = {
    "transposed": lambda: device(RNG.normal(size=(9, 140))).T,
    "every other row": lambda: device(RNG.normal(size=(10, 24)))[::2],
    "every other class": lambda: device(RNG.normal(size=(5, 24)))[:, ::2],
    "some classes": lambda: device(RNG.normal(size=(5, 24)))[:, 3:12],
    "one row for all": lambda: device(RNG.normal(size=(1, 24))).expand(5, 24),
    "one number for all": lambda: device(RNG.normal(size=(1, 1))).expand(5, 24),
    "all but the last": lambda: device(RNG.normal(size=(3, 4, 16)))[:, :-1],
    "pictures": lambda: device(RNG.normal(size=(2, 5, 3, 50))).movedim(1, -1),
    "pictures, channels last": lambda: device(RNG.normal(size=(2, 3, 4, 5))),
    "a crop of pictures": lambda: device(RNG.normal(size=(2, 5, 6, 7))).movedim(1, -1)[:, 1:-1, 2:-1],
    "one row": lambda: device(RNG.normal(size=6)),
    "one class": lambda: device(RNG.normal(size=(4, 1))),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layouts_do_not_matter(view, dtype):
    logits = VIEWS[view]().to(dtype)
    flat = logits.reshape(-1, logits.shape[-1]).contiguous()
    n, n_classes = flat.shape
    rng = np.random.default_rng(8)
    index = device(rng.integers(0, n_classes, n))
    probs = device(rng.random((n_classes, *logits.shape[:-1])), torch.float32).movedim(0, -1)  # another layout still
    uniform = torch.full((1,), 1 / n_classes, device=DEVICE).expand(n_classes)
    one = torch.ones((), device=DEVICE)
    coefs = (one.expand(n), device(rng.random(n)), one.expand(n))
    eps = rounding_of(dtype) + 8 * eps_of(dtype)
    for target in (index, probs):
        flat_target = target if target is index else probs.reshape(n, n_classes).contiguous()
        stats, grad = kernels.row_stats_and_grad(logits, *coefs[:2], target, coefs[2], uniform)
        expected, flat_grad = kernels.row_stats_and_grad(flat, *coefs[:2], flat_target, coefs[2], uniform)
        for a, b in zip(stats[:4], expected[:4], strict=True):
            assert a.shape == (n,)
            near(a, host(b), 8 * eps_of(dtype))
        assert grad.shape == logits.shape and grad.stride() == torch.empty_like(logits).stride()
        near(grad.reshape(n, n_classes), host(flat_grad), eps, eps)
        again = kernels.row_grad(logits, *coefs[:2], target, coefs[2], uniform, stats=kernels.row_stats(logits))
        near(again.reshape(n, n_classes), host(flat_grad), eps, eps)
    near(kernels.row_softmax(logits).reshape(n, n_classes), host(kernels.row_softmax(flat)), eps)


def test_a_row_has_the_same_bits_in_every_batch():
    rng = np.random.default_rng(9)
    for n_classes in (10, 300, 5000):
        logits = device(4.0 * rng.normal(size=(9, n_classes)), torch.float32)
        index, ones = device(rng.integers(0, n_classes, 9)), torch.ones(9, device=DEVICE)
        stats, grad = kernels.row_stats_and_grad(logits, ones, -ones, index)
        for part in (slice(0, 1), slice(1, 6), slice(6, 9)):
            of_part, grad_of_part = kernels.row_stats_and_grad(logits[part], ones[part], -ones[part], index[part])
            assert torch.equal(grad_of_part, grad[part])
            for a, b in zip(of_part[:4], stats[:4], strict=True):
                assert torch.equal(a, b[part])


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        ((3, 4), (2**30 + 1, 1)),  # the rows are far apart
        ((2, 1, 4), (2**31 + 7, 4, 1)),
        ((3, 2, 4), (2**30 + 17, 4, 1)),
        ((4, 3), (1, 2**30 + 1)),  # the classes are
    ],
)
def test_addresses_beyond_the_reach_of_32_bits(shape, strides):
    """What lies between these numbers is never touched, and so never there."""
    logits = torch.empty(2**31 + 64, dtype=torch.float16, device=DEVICE).as_strided(shape, strides)
    near_by = device(np.random.default_rng(5).integers(-9, 9, shape), torch.float16)
    logits.copy_(near_by)
    index = device(np.arange(math.prod(shape[:-1])) % shape[-1])
    for here, there in zip(kernels.row_stats(logits, index)[:4], kernels.row_stats(near_by, index)[:4], strict=True):
        near(here, host(there), 1e-6)
    logits.copy_(kernels.row_softmax(logits))
    near(logits, host(kernels.row_softmax(near_by)), 1e-3)


# ---- nothing ---------------------------------------------------------------------------------------------------------


def test_nothing_in_nothing_out():
    for shape in ((0, 5), (3, 0), (0, 0), (2, 0, 5)):
        logits = torch.empty(shape, device=DEVICE)
        n = math.prod(shape[:-1])
        vector = torch.ones(n, device=DEVICE)
        stats = kernels.row_stats(logits, extras=True)
        np.testing.assert_array_equal(host(stats.max), np.full(n, -np.inf))
        np.testing.assert_array_equal(host(stats.log_sum), np.full(n, np.nan))
        np.testing.assert_array_equal(host(stats.target_logit), np.zeros(n))
        np.testing.assert_array_equal(host(stats.predicted), np.full(n, -1))
        assert kernels.row_grad(logits, vector, vector).shape == shape
        assert kernels.row_softmax(logits).shape == shape


def test_what_is_supported():
    assert all(kernels.supports(torch.empty(1, dtype=dtype, device=DEVICE)) for dtype in DTYPES)
    assert not kernels.supports(torch.empty(1, dtype=torch.int64, device=DEVICE))
