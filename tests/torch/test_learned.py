"""What goes wrong in other kernels, by their issue trackers, held against 50 digits or float64: no longer here."""

import mpmath
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import xent.torch  # noqa: E402

mp = mpmath.mp.clone()
mp.dps = 50


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def focal_derivative(gamma: float, z: float, target: float, order: int = 2) -> float:
    """By z, of the focal loss of a sigmoid."""

    def loss(z: mpmath.mpf) -> mpmath.mpf:
        right, wrong = mp.log1p(mp.exp(-z)), mp.log1p(mp.exp(z))
        positive = (1 - mp.exp(-right)) ** gamma * right
        negative = (1 - mp.exp(-wrong)) ** gamma * wrong
        return target * positive + (1 - target) * negative

    with mp.workdps(400):
        return float(mp.diff(loss, mp.mpf(z), order))


def derivatives(value: torch.Tensor, z: torch.Tensor, orders: int = 3) -> list[torch.Tensor]:
    """Of the sum of functions, each of one entry of z."""
    found = []
    for _ in range(orders):
        (each,) = torch.autograd.grad(value, z, create_graph=True)
        found.append(each.detach())
        value = each.sum()
    return found


@pytest.mark.parametrize("target", [1.0, 0.0, 0.8])
@pytest.mark.parametrize("gamma", [0.1, 0.25, 0.5, 0.9, 1.0, 1.5, 2.0])
def test_curvature_of_a_focal_loss_where_it_is_saturated(gamma, target):
    """The second derivative of (1-p)^γ overflows where the loss is nearly 0; that of the loss is nearly 0 too."""
    points = [sign * z for z in (0.0, 5.0, 30.0, 60.0, 75.0, 87.0, 100.0, 200.0) for sign in (1, -1)]
    expected = torch.tensor([focal_derivative(gamma, z, target) for z in points])
    z = torch.tensor(points, requires_grad=True)
    found = derivatives(xent.Focal(gamma).binary(z, torch.full_like(z, target), reduction="sum"), z)
    torch.testing.assert_close(found[1], expected, rtol=1e-5, atol=1e-8)
    assert found[2].isfinite().all()


@pytest.mark.parametrize("gamma", [0.0, 0.25, 0.5, 1.5, 2.0])
def test_derivatives_keep_their_digits_where_a_decision_is_right(gamma):
    """All of them fall like the loss itself: none is 0 or NaN before float32 has no such number."""
    points = [3.0, 5.0, 10.0, 15.0, 20.0, 30.0]
    z = torch.tensor(points, requires_grad=True)
    value = xent.Focal(gamma).binary(z, torch.ones(len(points)), reduction="sum")
    for order, found in enumerate(derivatives(value, z), start=1):
        expected = torch.tensor([focal_derivative(gamma, z, 1.0, order) for z in points])
        torch.testing.assert_close(found, expected, rtol=3e-5, atol=1e-37)


@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")  # torch's own, once forward mode is used
def test_curvature_of_a_focal_softmax_where_it_is_saturated():
    """For two classes it is that of the sigmoid of their difference, whichever way it is asked for."""
    inf = float("inf")
    gaps = (0.0, 5.0, 60.0, 87.0, 200.0, inf)
    z, label = torch.tensor([[gap, 0.0] for gap in gaps], requires_grad=True), torch.zeros(6, dtype=torch.int64)
    z.data[-1] = torch.tensor([0.0, -inf])
    value = xent.Focal(0.5)(z, label, reduction="sum")
    (slope,) = torch.autograd.grad(value, z, create_graph=True)
    (curvature,) = torch.autograd.grad(slope[:, 0].sum(), z)
    expected = torch.tensor([0.0 if gap > 200 else focal_derivative(0.5, gap, 1.0) for gap in gaps])
    torch.testing.assert_close(curvature, torch.stack([expected, -expected], 1), rtol=1e-5, atol=1e-8)
    each = torch.func.vmap(torch.func.hessian(lambda z: xent.Focal(0.5)(z[None], label[:1])))(z.detach())
    torch.testing.assert_close(each[:, 0], curvature)


@pytest.mark.parametrize("n_rows", [4, 256])
def test_inplace_where_rows_share_their_memory(n_rows):
    """Rows that are one row in memory have each their own gradient, which is theirs to sum."""
    row, target = randn(1, 1000).requires_grad_(), torch.arange(n_rows)
    wide = row.detach().double().requires_grad_()
    F.cross_entropy(wide.expand(n_rows, -1), target).backward()
    xent.torch.cross_entropy((row * 1).expand(n_rows, -1), target, inplace=True).backward()
    torch.testing.assert_close(row.grad, wide.grad.float(), rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("view", [lambda z: z.view(256, 1000), lambda z: z[:], lambda z: z.detach().requires_grad_()])
def test_inplace_does_not_overwrite_a_leaf_through_a_view(view):
    """What is optimised keeps its numbers."""
    leaf, target = randn(256, 1000).requires_grad_(), torch.arange(256)
    before = leaf.detach().clone()
    with pytest.raises(xent.OptionError, match="inplace must be False for a leaf"):
        xent.torch.cross_entropy(view(leaf), target, inplace=True)
    assert torch.equal(leaf.detach(), before)


@pytest.mark.parametrize("shape", [(4, 5), (300, 2000)])
def test_a_normalizer_that_is_learned_has_a_gradient(shape):
    """Of Σ/c it is -Σ/c², whichever way the sum is made."""
    z, probs = randn(*shape).requires_grad_(), randn(*shape).sigmoid()
    for loss, target in (
        (xent.torch.cross_entropy, probs.argmax(1)),
        (xent.torch.cross_entropy, probs),
        (xent.torch.binary_cross_entropy_with_logits, probs),
    ):
        normalizer = torch.tensor(3.0, requires_grad=True)
        of_normalizer, of_logits = torch.autograd.grad(loss(z, target, normalizer=normalizer), (normalizer, z))
        total = loss(z, target, reduction="sum")
        torch.testing.assert_close(of_normalizer, -total.detach() / 9)
        torch.testing.assert_close(of_logits, torch.autograd.grad(total, z)[0] / 3)


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_smoothing_that_leaves_a_target_nothing(reduction):
    """smoothing="others" by all of ε = 1: a label of logit -inf takes no part, the others share evenly."""
    inf = float("inf")
    z, label = torch.tensor([[1.0, -inf, 0.0, 2.0], [0.5, 0.0, -1.0, -inf]], requires_grad=True), torch.tensor([1, 3])
    loss = xent.CrossEntropy(label_smoothing=1.0, smoothing="others")
    value = loss(z, label, reduction=reduction)
    exact = z.detach().double()
    live = exact.isfinite()
    expected = (torch.logsumexp(exact, 1) - torch.where(live, exact, 0.0).sum(1) / 3).float()
    torch.testing.assert_close(value, expected if reduction == "none" else expected.sum())
    (dlogits,) = torch.autograd.grad(value.sum(), z)
    torch.testing.assert_close(dlogits, torch.where(live, exact.softmax(1) - 1 / 3, 0.0).float())


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_smoothing_of_a_target_whose_class_has_no_weight(reduction):
    """The other classes have a part in the row still."""
    z, weight = randn(2, 3), torch.tensor([0.0, 1.0, 2.0])
    mine, theirs = z.clone().requires_grad_(), z.double().requires_grad_()
    value = xent.torch.cross_entropy(mine, torch.eye(3)[:2], weight, label_smoothing=0.3, reduction=reduction)
    expected = F.cross_entropy(theirs, torch.eye(3)[:2].double(), weight.double(), None, -100, None, reduction, 0.3)
    torch.testing.assert_close(value, expected.float())
    value.sum().backward(), expected.sum().backward()
    torch.testing.assert_close(mine.grad, theirs.grad.float())


@pytest.mark.parametrize("loss", [xent.CrossEntropy(), xent.Focal(2.0), xent.CrossEntropy(z_loss=0.1)])
def test_a_backward_that_a_mode_watches(loss):
    """Such as one that counts operations, entered after the value was made."""
    z, label = randn(300, 200).requires_grad_(), torch.arange(300) % 200
    (expected,) = torch.autograd.grad(loss(z, label, reduction="none").sum(), z)
    value = loss(z, label, reduction="none").sum()
    with FlopCounterMode(display=False):
        (dlogits,) = torch.autograd.grad(value, z)
    torch.testing.assert_close(dlogits, expected)


@pytest.mark.parametrize("n_classes", [3, 20_000])
def test_digits_of_a_gradient_that_is_differentiated_again(n_classes):
    """p - 1 of a confident row, with create_graph=True as without; and p (1-p), its derivative."""
    z = torch.zeros(4, n_classes)
    z[:, 0] = 30.0
    z.requires_grad_()
    others = float((n_classes - 1) * mp.exp(-30) / (1 + (n_classes - 1) * mp.exp(-30)))
    value = xent.torch.cross_entropy(z, torch.zeros(4, dtype=torch.int64), reduction="sum")
    (slope,) = torch.autograd.grad(value, z, create_graph=True)
    torch.testing.assert_close(slope[:, 0].detach(), torch.full((4,), -others), rtol=1e-5, atol=0)
    (curvature,) = torch.autograd.grad(slope[:, 0].sum(), z)
    torch.testing.assert_close(curvature[:, 0], torch.full((4,), others), rtol=1e-5, atol=0)


@pytest.mark.parametrize("n_classes", [5, 20_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_an_ignored_row_of_nan_has_no_curvature(n_classes, dtype):
    z = randn(3, n_classes).to(dtype)
    z[1] = float("nan")
    z.requires_grad_()
    value = xent.torch.cross_entropy(z, torch.tensor([0, -100, 1]), reduction="sum")
    (slope,) = torch.autograd.grad(value, z, create_graph=True)
    (curvature,) = torch.autograd.grad(slope[:, 0].sum(), z)
    probs = z.detach().double().softmax(1)
    expected = -probs * probs[:, :1]
    expected[:, 0] += probs[:, 0]
    expected[1] = 0
    torch.testing.assert_close(curvature.double(), expected, rtol=2e-3, atol=1e-6 if dtype == torch.float32 else 1e-3)
    assert slope[1].eq(0).all()
