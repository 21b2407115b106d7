"""The compiled path behind xent.torch: what it keeps, what it tells autograd, and that it is the same loss.

Values, layouts and dtypes are in test_layouts.py; here the small and the large path of reduced losses, the rows' path
and the entries' path are each held against the plain formula.
"""

import gc
import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import xent  # noqa: E402
import xent.torch  # noqa: E402
from xent import kernels  # noqa: E402
from xent.torch import _plain, _reduced  # noqa: E402

pytestmark = pytest.mark.skipif(kernels.compiled() is None, reason="the compiled core is not here")

SMALL, LARGE = (32, 10), (64, 600)  # below and above native.SMALL elements
FOCAL = xent.Focal(2.0)


def problem(shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = (3 * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)
    target = torch.randint(0, shape[1], shape[:1], generator=generator)
    target[::7] = -100
    return logits.requires_grad_(), target


def plain_mean(logits, target, loss=None):
    """The mean by the plain formula, which has its own tests."""
    values = _plain.row_values(loss or xent.CrossEntropy(), logits, target, None, -100, 1.0, None, None)
    return values.sum() / (target != -100).sum()


def saved_sizes(function):
    """Return the bytes of each piece of memory that is kept for backward."""
    storages = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = function()
    return value, sorted(storages.values())


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", [None, FOCAL], ids=["cross_entropy", "focal"])
def test_one_tensor_of_the_logits_size_is_kept(shape, dtype, loss):
    logits, target = problem(shape, dtype)
    value, sizes = saved_sizes(lambda: xent.torch.cross_entropy(logits * 1, target, loss=loss))
    large = [size for size in sizes if size >= logits.nbytes]
    assert large == [logits.nbytes]
    value.backward()
    expected = torch.autograd.grad(plain_mean(logits, target, loss), logits)[0]
    torch.testing.assert_close(logits.grad, expected, rtol=0.02 if dtype != torch.float32 else 1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_probabilities_times_weights_are_not_kept(shape):
    logits, _ = problem(shape)
    target = torch.full(shape, 1 / shape[1], dtype=torch.float64)
    weight = torch.rand(shape[1], dtype=torch.float64)
    own = logits * 1
    before = {id(each) for each in gc.get_objects() if type(each) is torch.Tensor}
    value, sizes = saved_sizes(lambda: xent.torch.cross_entropy(own, target, weight))
    of_logits = [size for size in sizes if size == own.nbytes]
    assert len(of_logits) == 2 - (shape == LARGE)  # logits and target; the gradient
    new = [each for each in gc.get_objects() if type(each) is torch.Tensor and id(each) not in before]
    places = {each.data_ptr() for each in new if each.untyped_storage().nbytes() == own.nbytes}
    assert len(places - {own.data_ptr(), target.data_ptr()}) == (shape == LARGE)  # the gradient
    value.backward()


def test_the_gradient_is_kept_instead_of_the_logits():
    """So that logits that nothing else needs can go."""
    logits, target = problem(LARGE)
    own = logits * 1
    where = own.untyped_storage().data_ptr()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.append(t.untyped_storage().data_ptr()) or t, lambda t: t
    ):
        value = xent.torch.cross_entropy(own, target)
    assert where not in kept
    own.data.fill_(float("nan"))  # nothing reads it again
    value.backward()
    torch.testing.assert_close(logits.grad, torch.autograd.grad(plain_mean(logits, target), logits)[0])


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.2}, {"reduction": "sum"}], ids=str)
def test_second_derivatives_of_either_path(shape, options):
    """Hessian times vector; the large path has no logits left to make it of."""
    logits, target = problem(shape)
    weight = torch.rand(shape[1], generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.5
    direction = torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    products = []
    for function in (xent.torch.cross_entropy, torch.nn.functional.cross_entropy):
        (gradient,) = torch.autograd.grad(function(logits, target, weight=weight, **options), logits, create_graph=True)
        (product,) = torch.autograd.grad((gradient * direction).sum(), logits, create_graph=True)
        (third,) = torch.autograd.grad((product * direction).sum(), logits)
        products.append((gradient, product, third))
    for ours, torchs in zip(*products, strict=True):
        torch.testing.assert_close(ours, torchs, rtol=1e-9, atol=1e-14)


CURVED = [
    xent.Focal(2.0), xent.Focal(0.5), xent.Focal(1.5, z_loss=0.01), xent.Poly1(0.7), xent.GeneralizedCrossEntropy(0.6),
    xent.SymmetricCrossEntropy(0.2, 0.9),
]  # fmt: skip
LINEAR = [xent.CrossEntropy(), xent.CrossEntropy(label_smoothing=0.1), xent.CrossEntropy(z_loss=0.01)]


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(
    ("loss", "is_index"), [(loss, True) for loss in CURVED + LINEAR] + [(loss, False) for loss in LINEAR], ids=str
)
def test_one_pass_is_the_plain_formula_and_its_derivatives(loss, is_index, is_weighted, shape):
    logits, target = problem(shape)
    generator = torch.Generator().manual_seed(5)
    weight = sample_weight = None
    count = (target != -100).double()
    if is_weighted:
        weight = torch.rand(shape[1], generator=generator, dtype=torch.float64) + 0.5
        sample_weight = torch.rand(shape[0], generator=generator, dtype=torch.float64)
        count = torch.where(target == -100, 0.0, weight[target.clamp(min=0)]) * sample_weight
    if isinstance(loss, xent.Focal) and is_weighted:
        loss = xent.Focal(loss.gamma, alpha=tuple(weight.flip(0).tolist()), z_loss=loss.z_loss)
    if not is_index:
        target = torch.softmax(torch.randn(shape, generator=generator, dtype=torch.float64), 1)
        target[::9] = 0.0
        count = torch.ones(shape[0], dtype=torch.float64) if sample_weight is None else sample_weight
    else:
        with torch.no_grad():
            logits[target == -100] = torch.nan

    options = {"weight": weight, "sample_weight": sample_weight, "loss": loss, "temperature": 1.3}
    ours = xent.torch.cross_entropy(logits, target, **options)
    assert ours.grad_fn.name().startswith("_Keeping")
    values = _plain.row_values(loss, logits, target, weight, -100, 1 / 1.3, None, None)
    plain = (values if sample_weight is None else _plain.times(sample_weight, values)).sum() / count.sum()
    direction = torch.randn(shape, generator=generator, dtype=torch.float64)
    results = []
    for value in (ours, plain):
        (gradient,) = torch.autograd.grad(value, logits, create_graph=True)
        (product,) = torch.autograd.grad((gradient * direction).nansum(), logits)
        results.append((value, gradient, torch.nan_to_num(product)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-15)
    if is_index:
        assert torch.equal(results[0][1][target == -100], torch.zeros_like(logits[target == -100]))


def test_probabilities_that_are_all_zero_are_smoothed_as_torch_has_it():
    for shape in (SMALL, LARGE):
        logits, _ = problem(shape)
        target = torch.softmax(torch.randn(shape, generator=torch.Generator().manual_seed(6), dtype=torch.float64), 1)
        target[3] = 0.0
        for reduction in ("none", "mean", "sum"):
            for eps in (0.0, 0.1):
                options = {"reduction": reduction, "label_smoothing": eps}
                ours = xent.torch.cross_entropy(logits, target, **options)
                torchs = torch.nn.functional.cross_entropy(logits, target, **options)
                torch.testing.assert_close(ours, torchs, rtol=1e-13, atol=1e-15)
                of_ours, of_torch = (torch.autograd.grad(each.sum(), logits)[0] for each in (ours, torchs))
                torch.testing.assert_close(of_ours, of_torch, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("margin", [-60.0, -8.0, -0.5, 0.0, 1.0, 7.0, 20.0, 60.0])
@pytest.mark.parametrize("loss", CURVED, ids=str)
def test_curved_losses_keep_their_digits_in_float32(loss, margin):
    """Of confident rows too, right or wrong; forty digits from mpmath."""
    mpmath = pytest.importorskip("mpmath")
    row = [margin, 0.0, -1.25]
    with mpmath.workdps(40):
        exps = [mpmath.e**each for each in row]
        p = [each / sum(exps) for each in exps]
        others = (exps[1] + exps[2]) / sum(exps)
        nll = -mpmath.log1p(-others) if others < 0.5 else -mpmath.log(p[0])
        a, b, q, c, gamma = (mpmath.mpf(term) for term in loss.curve_terms)
        value = a * nll - b * mpmath.expm1(-q * nll) / q + c * others**gamma * nll
        slope = a + b * mpmath.exp(-q * nll) + c * others**gamma * (1 + gamma * p[0] * nll / others)
        lse = mpmath.log(sum(exps))
        value += mpmath.mpf(loss.z_loss) * lse**2
        squares = 2 * mpmath.mpf(loss.z_loss) * lse
        truth = [float(slope * (each - (k == 0)) + squares * each) for k, each in enumerate(p)]
        truth[0] = float(-slope * others + squares * p[0])
    for n_rows in (3, 20000):  # the small and the large path
        logits = torch.tensor([row] * n_rows, dtype=torch.float32, requires_grad=True)
        ours = xent.torch.cross_entropy(logits, torch.zeros(n_rows, dtype=torch.int64), loss=loss)
        assert ours.item() == pytest.approx(float(value), rel=4e-7)
        (gradient,) = torch.autograd.grad(ours, logits)
        np.testing.assert_allclose(gradient[-1].numpy() * np.float64(n_rows), truth, rtol=1.5e-6, atol=1e-38)


@pytest.mark.parametrize("shape", [SMALL, LARGE])
def test_backward_twice_adds_up_and_leaves_what_is_kept_alone(shape):
    logits, target = problem(shape)
    value = xent.torch.cross_entropy(logits, target)
    value.backward(retain_graph=True)
    first = logits.grad.clone()
    value.backward(torch.tensor(3.0, dtype=torch.float64), retain_graph=True)
    torch.testing.assert_close(logits.grad, 4 * first, rtol=1e-15, atol=0)
    logits.grad = None
    value.backward()
    assert torch.equal(logits.grad, first)


def test_inplace_takes_the_logits_memory_and_tells_autograd():
    base, target = problem(LARGE, torch.float32)
    expected = torch.autograd.grad(plain_mean(base, target), base)[0]
    logits = base * 1
    xent.torch.cross_entropy(logits, target, inplace=True).backward()
    torch.testing.assert_close(base.grad, expected, rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(logits.detach(), expected, rtol=1e-5, atol=1e-9)

    logits = base * 1
    other = logits.exp().sum() + (logits * logits).sum()  # keeps the logits for its own backward
    value = xent.torch.cross_entropy(logits, target, inplace=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        (other + value).backward()


def test_a_leaf_is_not_overwritten():
    logits, target = problem(LARGE)
    with pytest.raises(xent.OptionError, match="inplace must be False for a leaf"):
        xent.torch.cross_entropy(logits, target, inplace=True)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("loss", [None, FOCAL], ids=["cross_entropy", "focal"])
def test_one_row_without_an_axis_of_rows(loss, reduction):
    logits = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64, requires_grad=True)
    value = xent.torch.cross_entropy(logits, torch.tensor(1), loss=loss, reduction=reduction)
    expected = plain_mean(logits[None], torch.tensor([1]), loss)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(each, logits)[0] for each in (value, expected)]
    torch.testing.assert_close(*gradients)


def test_the_logits_are_not_overwritten_unless_asked():
    for shape in (SMALL, LARGE):
        for loss in (None, FOCAL):
            logits, target = problem(shape)
            before = logits.detach().clone()
            xent.torch.cross_entropy(logits, target, loss=loss).backward()
            assert torch.equal(logits.detach(), before)


@pytest.mark.parametrize("changed", ["logits", "target", "sample_weight"])
def test_what_backward_reads_must_not_change(changed):
    logits, target = problem(SMALL)
    tensors = {"logits": logits * 1, "target": target.clone(), "sample_weight": torch.ones(SMALL[0]).double()}
    value = xent.torch.cross_entropy(tensors["logits"], tensors["target"], sample_weight=tensors["sample_weight"])
    with torch.no_grad():
        tensors[changed].zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


@pytest.mark.parametrize("changed", ["target", "weight", "sample_weight"])
def test_what_a_second_gradient_reads_must_not_change(changed):
    """The first is made already, and needs nothing."""
    logits, target = problem(LARGE)
    tensors = {"target": target.clone(), "weight": torch.ones(LARGE[1]).double()}
    tensors["sample_weight"] = torch.ones(LARGE[0]).double()
    value = xent.torch.cross_entropy(logits, **tensors)
    (gradient,) = torch.autograd.grad(value, logits, retain_graph=True)
    tensors[changed].zero_()
    assert torch.equal(torch.autograd.grad(value, logits, retain_graph=True)[0], gradient)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(value, logits, create_graph=True)


@pytest.mark.parametrize("changed", ["logits", "target", "weight", "pos_weight", "sample_weight", "mask"])
def test_what_the_backward_pass_of_entries_reads_must_not_change(changed):
    logits = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    tensors = {
        "weight": torch.rand(5).double(), "pos_weight": torch.rand(5).double(), "mask": torch.rand(20, 5) < 0.7,
        "sample_weight": torch.rand(20).double(), "logits": logits * 1, "target": torch.rand(20, 5).double(),
    }  # fmt: skip
    value = xent.torch.binary_cross_entropy_with_logits(
        tensors["logits"], **{k: v for k, v in tensors.items() if k != "logits"}
    )
    with torch.no_grad():
        tensors[changed].zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        value.backward()


def test_the_curvature_where_a_z_loss_undoes_the_probabilities():
    """At lse = -1/(2λ) the gradient does not tell them: 1 + 2λ lse is 0."""
    generator = torch.Generator().manual_seed(2)
    z = torch.randn(4, 20000, generator=generator, dtype=torch.float64)
    z -= torch.logsumexp(z, 1, keepdim=True) + 5.0
    label = torch.arange(4)
    direction = torch.randn(z.shape, generator=generator, dtype=torch.float64)
    results = []
    for function in (
        lambda z: xent.torch.cross_entropy(z, label, z_loss=0.1),
        lambda z: (torch.logsumexp(z, 1) - z.gather(1, label[:, None])[:, 0] + 0.1 * torch.logsumexp(z, 1) ** 2).mean(),
    ):
        leaf = z.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(function(leaf), leaf, create_graph=True)
        results.append(torch.autograd.grad((gradient * direction).sum(), leaf)[0])
    torch.testing.assert_close(*results, rtol=1e-9, atol=1e-16)


def test_float16_gradients_wait_for_the_scale_of_the_loss():
    """A mean over 4096 rows of 64 classes: 1/n p is below float16's smallest number, and a scaled loss lifts it."""
    logits, target = torch.zeros(4096, 64, dtype=torch.float16, requires_grad=True), torch.zeros(4096, dtype=torch.long)
    (2.0**15 * xent.torch.cross_entropy(logits, target, loss_dtype=torch.float32)).backward()
    exact = 2.0**15 / 4096 / 64
    assert logits.grad[:, 1:].unique().item() == exact
    torch.testing.assert_close(logits.grad[:, 0].double(), torch.full((4096,), -63 * exact, dtype=torch.float64))


@pytest.mark.parametrize("loss", [None, FOCAL, xent.Asymmetric(1.0, 4.0, 0.1), xent.Focal(0.5, alpha=0.3)], ids=str)
@pytest.mark.parametrize("target_dtype", [torch.float32, torch.float64, torch.bool, torch.uint8])
def test_entries_are_those_of_the_plain_formula(loss, target_dtype):
    generator = torch.Generator().manual_seed(0)
    logits = (4 * torch.randn(50, 30, generator=generator, dtype=torch.float64)).requires_grad_()
    target = (torch.rand(50, 30, generator=generator) < 0.3).to(target_dtype)
    if target.is_floating_point():
        target[:, ::5] = 0.25
    mask = torch.rand(50, 30, generator=generator) < 0.8
    labels = torch.rand(30, generator=generator, dtype=torch.float64) + 0.5
    each = torch.rand(50, generator=generator, dtype=torch.float64)
    loss = loss or xent.CrossEntropy(label_smoothing=0.1)
    value = loss.binary(logits, target, mask=mask, weight=labels, pos_weight=labels.flip(0), sample_weight=each)
    assert type(value.grad_fn).__name__ == "_EntriesBackward"
    (gradient,) = torch.autograd.grad(value, logits)

    weight = labels * each[:, None]
    values = _plain.entry_values(loss, logits, target, weight, labels.flip(0), mask, 1.0, None)
    expected = values.sum() / (weight * mask).sum()
    torch.testing.assert_close(value, expected, rtol=1e-13, atol=0)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0], rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("loss", [FOCAL, xent.Focal(1.5), xent.Asymmetric(1.0, 4.0, 0.1)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_entries_stored_in_fewer_bits_are_computed_in_float32(loss, dtype):
    generator = torch.Generator().manual_seed(1)
    logits = (5 * torch.randn(90, 30, generator=generator)).to(dtype).requires_grad_()
    target = (torch.rand(90, 30, generator=generator) < 0.3).to(dtype)
    options = {"reduction": "sum", "temperature": 1.3}
    value = loss.binary(logits, target, **options)
    (gradient,) = torch.autograd.grad(value, logits)
    assert gradient.dtype == dtype

    wide = logits.detach().double().requires_grad_()
    expected = loss.binary(wide, target.double(), **options)
    (exact,) = torch.autograd.grad(expected, wide)
    smallest = 2.0**-24 if dtype == torch.float16 else 1e-30  # of the numbers that are stored
    if isinstance(loss, xent.Asymmetric):
        smallest = max(smallest, 1e-9)  # near the margin p - margin has few of p's digits
    torch.testing.assert_close(value.double(), expected, rtol=1e-6 + torch.finfo(value.dtype).eps, atol=0)
    rtol = 1.5e-6 + (0 if dtype == torch.float32 else torch.finfo(dtype).eps / 2)
    torch.testing.assert_close(gradient.double(), exact, rtol=rtol, atol=smallest / 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_entries_keep_what_they_were_given_and_nothing_else(dtype):
    logits = torch.randn(64, 600, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    target = torch.zeros(64, 600, dtype=torch.bool)
    own = logits * 1
    value, sizes = saved_sizes(lambda: FOCAL.binary(own, target))
    size = logits.numel() * logits.element_size()
    assert sizes == sorted([target.numel(), size])
    value.backward()
    assert logits.grad is not None and logits.grad.any()


def test_float16_gradients_of_entries_wait_for_the_scale_of_the_loss():
    """A mean over 2²⁰ entries: a slope of 2^-6 gives 2^-26 each, below float16's smallest number."""
    logits = torch.full((1024, 1024), -4.0, dtype=torch.float16, requires_grad=True)
    value = xent.binary_cross_entropy(logits, torch.zeros(1024, 1024))
    (2.0**15 * value).backward()
    exact = 2.0**-5 / (1 + math.exp(4.0))
    torch.testing.assert_close(logits.grad.double(), torch.full((1024, 1024), exact).double(), rtol=2.0**-11, atol=0)


def test_backward_of_entries_twice_adds_up_and_leaves_what_is_kept_alone():
    logits = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target = (torch.arange(1200).reshape(40, 30) % 3 == 0).float()
    value = FOCAL.binary(logits, target)
    value.backward(retain_graph=True)
    first = logits.grad.clone()
    value.backward(torch.tensor(3.0), retain_graph=True)
    torch.testing.assert_close(logits.grad, 4 * first, rtol=1e-6, atol=0)
    logits.grad = None
    (second,) = torch.autograd.grad(value, logits, create_graph=True)
    torch.testing.assert_close(second, first, rtol=1e-5, atol=1e-9)
    assert second.requires_grad
    value.backward()
    assert torch.equal(logits.grad, first)


@pytest.mark.parametrize("shape", [(300,), (60, 5)])
@pytest.mark.parametrize("mean", ["weighted", "torch"])
def test_a_weight_that_all_entries_share_is_that_of_each(shape, mean):
    generator = torch.Generator().manual_seed(2)
    logits = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
    target = (torch.rand(shape, generator=generator) < 0.4).double()
    mask = torch.rand(shape, generator=generator) < 0.7
    labels = torch.ones(shape[-1], dtype=torch.float64)
    results = []
    for weight, pos_weight in [(labels[0] * 1.7, labels[:1] * 2.5), (1.7 * labels, 2.5 * labels)]:
        value = FOCAL.binary(logits, target, weight=weight, pos_weight=pos_weight, mask=mask, mean=mean)
        results.append((value.detach(), torch.autograd.grad(value, logits)[0]))
    torch.testing.assert_close(*results, rtol=1e-13, atol=0)
    values = _plain.entry_values(FOCAL, logits, target, 1.7 * labels, 2.5 * labels, mask, 1.0, None)
    expected = values.sum() / ((1.7 if mean == "weighted" else 1.0) * int(mask.sum()))
    torch.testing.assert_close(results[0][0], expected.detach(), rtol=1e-12, atol=0)


def test_weights_of_labels_and_rows_are_the_denominator_of_a_mean():
    generator = torch.Generator().manual_seed(3)
    logits, weight = torch.randn(50, 4, generator=generator), torch.rand(4, generator=generator)
    each, target = torch.rand(50, generator=generator), torch.rand(50, 4, generator=generator)
    for options in ({"weight": weight}, {"sample_weight": each}, {"weight": weight, "sample_weight": each}):
        by_entry = options.get("weight", torch.ones(4)) * options.get("sample_weight", torch.ones(50))[:, None]
        expected = F.binary_cross_entropy_with_logits(logits, target, by_entry, reduction="sum") / by_entry.sum()
        torch.testing.assert_close(xent.binary_cross_entropy(logits, target, **options), expected)


def test_weights_of_every_shape_that_broadcasts():
    generator = torch.Generator().manual_seed(4)
    logits, target = torch.randn(5, 4, generator=generator), torch.rand(5, 4, generator=generator)
    for shape in [(5, 4), (5, 1), (4,), (1, 4), (1, 1), ()]:
        weight, pos_weight = torch.rand(shape, generator=generator), torch.rand(shape, generator=generator)
        options = {"weight": weight, "pos_weight": pos_weight, "reduction": "sum"}
        expected = F.binary_cross_entropy_with_logits(logits, target, **options)
        torch.testing.assert_close(xent.binary_cross_entropy(logits, target, **options), expected)


@pytest.mark.parametrize("ignore_index", [-100, 0, 1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.int64])
def test_targets_that_are_ignored_by_their_value(ignore_index, dtype):
    logits = torch.randn(40, generator=torch.Generator().manual_seed(5))
    target = (torch.arange(40) % 3 == 0).to(dtype)
    live = target != ignore_index
    if ignore_index == -100 and dtype != torch.bool:
        target[::7] = -100
        live[::7] = False
    expected = F.binary_cross_entropy_with_logits(logits[live], target[live].float())
    torch.testing.assert_close(xent.binary_cross_entropy(logits, target, ignore_index=ignore_index), expected)


def test_a_shared_weight_of_nothing_leaves_out_what_is_infinite():
    logits = torch.tensor([float("inf"), 1.0], requires_grad=True)
    value = FOCAL.binary(logits, torch.zeros(2), weight=torch.tensor(0.0), reduction="sum")
    assert value == 0.0
    assert torch.autograd.grad(value, logits)[0].tolist() == [0.0, 0.0]


def test_second_derivatives_of_entries():
    logits = torch.linspace(-3, 3, 12, dtype=torch.float64).reshape(3, 4).requires_grad_()
    target = (torch.arange(12).reshape(3, 4) % 3 == 0).double()
    assert torch.autograd.gradgradcheck(lambda z: FOCAL.binary(z, target), (logits,))


def test_small_and_large_are_one_loss(monkeypatch):
    """The same rows by both ways: what is kept makes no difference to what comes out."""
    logits, target = problem(LARGE, torch.float32)
    results = []
    for small in (1, 1 << 30):
        monkeypatch.setattr(kernels.compiled(), "SMALL", small)
        value = xent.torch.cross_entropy(logits, target)
        name = type(value.grad_fn).__name__
        results.append((value.detach(), torch.autograd.grad(value, logits)[0], name))
    (value, gradient, large), (again, same, small) = results
    assert (large, small) == ("_KeepingGradientBackward", "_KeepingLogitsBackward")
    assert torch.equal(value, again)
    assert torch.equal(gradient, same)


def test_modes_and_subclasses_get_the_plain_formula():
    logits, target = problem(SMALL)

    class Sub(torch.Tensor):
        pass

    assert not _reduced.serves(logits.detach().as_subclass(Sub), 1, target)
    with torch.autograd.forward_ad.dual_level():
        assert not _reduced.serves(logits, 1, target)
    assert _reduced.serves(logits, 1, target)


def test_triton_serves_the_same_rows():
    """A GPU's kernels behind the same seam; without a GPU they run in Triton's interpreter, in a process of its own."""
    pytest.importorskip("triton")
    program = """
        import torch, xent, xent.torch
        from xent.kernels import triton
        from xent.torch import _engines, _plain

        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(6, 37, generator=generator).requires_grad_()
        index = torch.tensor([3, 0, 36, -100, 5, 5])
        probs = torch.softmax(torch.randn(6, 37, generator=generator), 1)
        weight = torch.rand(37, generator=generator) + 0.5
        upstream = torch.randn(6, generator=generator)
        _engines.engine_for = lambda logits, *others: triton
        cases = [
            (xent.CrossEntropy(), index, weight), (xent.CrossEntropy(label_smoothing=0.1, z_loss=0.01), index, weight),
            (xent.CrossEntropy(label_smoothing=0.1), probs, None), (xent.Focal(2.0), index, None),
        ]
        for loss, target, weight in cases:
            values = xent.torch.cross_entropy(logits, target, weight, reduction="none", loss=loss, softcap=20.0)
            assert type(values.grad_fn.next_functions[0][0]).__name__ == "_RowsBackward", values.grad_fn
            (gradient,) = torch.autograd.grad(values, logits, upstream)
            wide = logits.detach().double().requires_grad_()
            w = None if weight is None else weight.double()
            expected = _plain.row_values(loss, wide, target, w, -100, 1.0, 20.0, None)
            (truth,) = torch.autograd.grad(expected, wide, upstream.double())
            torch.testing.assert_close(values.double(), expected.detach(), rtol=1e-6, atol=1e-7)
            torch.testing.assert_close(gradient.double(), truth, rtol=1e-5, atol=1e-7)
        print("same")
    """
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "same", done.stderr


def test_nan_among_entries_is_not_hidden_by_a_margin():
    logits = torch.tensor([[0.5, float("nan")]], requires_grad=True)
    value = xent.Asymmetric(1.0, 4.0, 0.1).binary(logits, torch.tensor([[0.0, 0.0]]))
    assert value.isnan()
    (gradient,) = torch.autograd.grad(value, logits)
    assert gradient[0].isnan().tolist() == [False, True]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_nothing_is_asked_of_may_be_anything(dtype, bad):
    """Entries of a label without weight, and rows of classes without any, smoothed: no value, no gradient."""
    logits = torch.tensor([[1.0, -2.0], [bad, 0.5]], dtype=dtype, requires_grad=True)
    target = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=dtype)
    alone = xent.Focal(2.0, alpha=1.0)  # negatives have no weight
    value = xent.torch.binary_cross_entropy_with_logits(logits, target, loss=alone, reduction="sum")
    sigmoids = torch.sigmoid(torch.tensor([1.0, 0.5], dtype=torch.float64))
    torch.testing.assert_close(value.double(), (-((1 - sigmoids) ** 2) * sigmoids.log()).sum(), rtol=4e-3, atol=0)
    (gradient,) = torch.autograd.grad(value, logits)
    assert gradient[1, 0] == 0 and gradient[0, 0] < 0

    weight = torch.tensor([0.0, 0.0], dtype=dtype)
    value = xent.torch.cross_entropy(logits, torch.tensor([0, 1]), weight, label_smoothing=0.1, reduction="sum")
    assert value == 0
    assert torch.equal(torch.autograd.grad(value, logits)[0], torch.zeros_like(logits))


@pytest.mark.parametrize("shape", [(8, 4), (10000, 4)])
def test_a_loss_object_that_smooths_beyond_uniform_takes_no_shorter_way(shape):
    """With ε = 1 the label itself is asked for nothing: -inf there is no loss."""
    loss = xent.CrossEntropy(label_smoothing=1.0, smoothing="others")
    logits = torch.zeros(shape, dtype=torch.float64)
    logits[:, 1] = -math.inf
    logits.requires_grad_()
    value = xent.torch.cross_entropy(logits, torch.ones(shape[0], dtype=torch.int64), loss=loss)
    assert value.item() == pytest.approx(math.log(3.0), rel=1e-14)
    (gradient,) = torch.autograd.grad(value, logits)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-16)


def test_a_second_gradient_of_ignored_rows_is_zero_beside_rows_of_nan():
    """Both take the same place among the rows that are done together, one after the other."""
    logits, _ = problem((256, 200))
    target = torch.zeros(256, dtype=torch.int64)
    with torch.no_grad():
        logits[:128] = math.nan
    target[128:] = -100
    (gradient,) = torch.autograd.grad(FOCAL(logits, target, reduction="sum"), logits, create_graph=True)
    assert torch.equal(gradient[128:], torch.zeros(128, 200, dtype=torch.float64))
    (product,) = torch.autograd.grad(gradient[128:].sum(), logits)
    assert torch.equal(product[128:], torch.zeros(128, 200, dtype=torch.float64))
