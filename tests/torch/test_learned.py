"""What goes wrong in other kernels, by their issue trackers, held against 50 digits or float64: no longer here."""

import mpmath
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import xent.torch  # noqa: E402

mp = mpmath.mp.clone()
mp.dps = 50


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def focal_second_derivative(gamma: float, z: float, target: float) -> float:
    """By z, of the focal loss of a sigmoid."""

    def loss(z: mpmath.mpf) -> mpmath.mpf:
        right, wrong = mp.log1p(mp.exp(-z)), mp.log1p(mp.exp(z))
        positive = (1 - mp.exp(-right)) ** gamma * right
        negative = (1 - mp.exp(-wrong)) ** gamma * wrong
        return target * positive + (1 - target) * negative

    with mp.workdps(300):
        return float(mp.diff(loss, mp.mpf(z), 2))


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
