"""The losses in ordinary torch operators: what serves wherever nothing faster does, and what defines every derivative.

There is no autograd.Function here, so that every order of every kind of differentiation, vmap and the tracers are
torch's own. Still a gradient keeps its digits where a row is confident, by the way a row is written. With m its largest
class, c = z_m as a constant and rest = Σ_{k≠m} exp(z_k - c),

    nll_m = log(1 + rest · exp(c - z_m)),      d nll_m / d z_m = -rest / (1 + rest)          not p_m - 1
    nll_k = log(1 + rest + (exp(z_m - c) - 1)) - (z_k - c),      d nll_k / d z_m = p_m

(both logarithms are log(1 + rest): z_m - c is 0, and stands there to be differentiated).

The class axis is the last one throughout; ``rows`` is the shape without it. Half precision is computed in float32.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from xent._options import Stats
from xent.errors import OptionError
from xent.losses import Loss


def compute_dtype(*tensors: Tensor | None) -> torch.dtype:
    """Return float64 where one of the tensors is, else float32."""
    wide = any(each is not None and each.dtype == torch.float64 for each in tensors)
    return torch.float64 if wide else torch.float32


def times(weight: Tensor, values: Tensor) -> Tensor:
    """Return weight · values, where a weight of 0 makes nothing infinite or NaN of what is."""
    return weight * torch.where((weight == 0) & ~values.isfinite(), 0.0, values)


def quiet(values: Tensor, nothing: Tensor) -> Tensor:
    """Return the values with 0 for what is infinite or NaN among those that take no part."""
    return torch.where(nothing & ~values.isfinite(), 0.0, values)


def transformed(logits: Tensor, scale: float, softcap: float | None, offset: Tensor | None) -> Tensor:
    """Return the logits that the loss is about: soft cap, then temperature (``scale`` = 1/T), then prior."""
    z = logits
    if softcap is not None:
        z = softcap * torch.tanh(z / softcap)
    if scale != 1.0:
        z = z * scale
    return z if offset is None else z + offset


# --- softmax rows -----------------------------------------------------------------------------------------------------


class Rows(NamedTuple):
    """What the labels' nlls are made of; every field but ``relative`` has one entry where the class axis was."""

    relative: Tensor  # z - c
    largest: Tensor  # m
    top: Tensor  # c
    rest: Tensor  # Σ exp(z - c) over all classes but m
    shift: Tensor  # z_m - c
    poison: Tensor  # 0; NaN in a row without a distribution

    @classmethod
    def of(cls, z: Tensor) -> Rows:
        """Return those of z, whose classes are along the last axis."""
        largest = z.detach().argmax(-1, keepdim=True)
        top = z.detach().gather(-1, largest)
        lost = ~top.isfinite()
        top = torch.where(lost, 0.0, top)
        # A row without a distribution has the value NaN. Its gradient is NaN too, but 0 where the upstream gradient is:
        # inf - inf of that gradient, or 0 - 0.
        big = torch.finfo(z.dtype).max
        gone = torch.where(lost, z, 0.0).sum(-1, keepdim=True)
        poison = torch.where(lost, gone * big * big - gone * big * big, 0.0)
        relative = torch.where(lost, 0.0, z) - top
        is_largest = torch.arange(z.shape[-1], device=z.device) == largest
        rest = torch.where(is_largest, 0.0, relative.exp()).sum(-1, keepdim=True)
        return cls(relative, largest, top, rest, relative.gather(-1, largest), poison)

    @property
    def log_sum(self) -> Tensor:
        """Log Σ exp(z - c)."""
        return torch.log1p(self.rest + torch.expm1(self.shift))

    def nll(self, label: Tensor | None = None) -> Tensor:
        """Return the nll of one label a row, or of every class."""
        if label is None:
            relative = self.relative
            label = torch.arange(relative.shape[-1], device=relative.device)
        else:
            relative = self.relative.gather(-1, label)
        of_largest = torch.log1p(self.rest * torch.exp(-self.shift))
        return torch.where(label == self.largest, of_largest, self.log_sum - relative)


class Asked(NamedTuple):
    """What a target asks of a row: Σ coef · curve(nll of label) + z_loss · mass · lse²; nothing where it is ignored."""

    logits: Tensor  # with 0 for what is infinite or NaN where no part is taken
    label: Tensor | None  # one a row, or every class
    coef: Tensor | None  # of those labels; None for 1
    mass: Tensor | None  # Σ_k t_k (class weight)_k; None for 1
    ignored: Tensor | None

    @classmethod
    def by(cls, loss: Loss, logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> Asked:
        """Read a target: class indices, or probabilities of the logits' shape."""
        n_classes = logits.shape[-1]
        dtype = compute_dtype(logits, target, weight)
        factor = weight = None if weight is None else weight.to(dtype)
        if loss.class_factor is not None:
            own = class_factor(loss, n_classes, dtype, logits.device)
            factor = own if weight is None else own * weight

        if is_index(logits, target):
            ignored = (target == ignore_index).unsqueeze(-1)
            label = torch.where(ignored, 0, target.unsqueeze(-1).long())
            mass = None if weight is None else weight[label]
            logits = torch.where(ignored, 0.0, logits)
            if loss.label_smoothing == 0:
                coef = None if factor is None else factor[label]
                return cls(_without_part(loss, logits, coef, mass).to(dtype), label, coef, mass, ignored)
            share = (torch.arange(n_classes, device=logits.device) == label).to(dtype)
        else:
            ignored = None
            share = target.to(dtype)
            mass = mass_of(logits, target, weight, ignore_index).unsqueeze(-1)
        share = smoothed(loss, share)
        coef = share if factor is None else share * factor
        return cls(_without_part(loss, logits, coef, mass).to(dtype), None, coef, mass, ignored)


def _without_part(loss: Loss, logits: Tensor, coef: Tensor | None, mass: Tensor | None) -> Tensor:
    """Return the logits, made quiet in rows that nothing is asked of."""
    if coef is None or (loss.z_loss != 0 and mass is None):
        return logits
    nothing = (coef == 0).all(-1, keepdim=True)
    if loss.z_loss != 0 and mass is not None:
        nothing = nothing & (mass == 0)
    return quiet(logits, nothing)


def is_index(logits: Tensor, target: Tensor) -> bool:
    """Say whether the target holds class indices."""
    return target.dim() < logits.dim()


def smoothed(loss: Loss, share: Tensor) -> Tensor:
    """Return a target's distributions with the loss's label smoothing; no term of the sum is negative."""
    eps, n_classes = loss.label_smoothing, share.shape[-1]
    if eps == 0:
        return share
    loss.mixture(n_classes)  # refuses "others" where there are none
    if loss.smoothing == "uniform":
        return (1.0 - eps) * share + eps / n_classes
    return (1.0 - eps) * share + eps / (n_classes - 1) * (1.0 - share)


def mass_of(logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> Tensor:
    """Return Σ_k t_k w_k of each row's target t before smoothing, 0 where it is ignored."""
    dtype = compute_dtype(logits, target, weight)
    if not is_index(logits, target):
        share = target.to(dtype)
        return (share if weight is None else share * weight.to(dtype)).sum(-1)
    ignored = target == ignore_index
    if weight is None:
        return (~ignored).to(dtype)
    label = torch.where(ignored, 0, target).long().unsqueeze(-1)  # vmap has no index of no axis
    return torch.where(ignored, 0.0, weight.to(dtype)[label].squeeze(-1))


def class_factor(loss: Loss, n_classes: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the loss's own factor of each class."""
    own = loss.class_factor or ()
    if len(own) != n_classes:
        raise OptionError(
            loss.name,
            f"alpha must be one number for each of the {n_classes} classes; got {len(own)}",
            "None weighs all alike",
        )
    return torch.tensor(own, dtype=dtype).to(device, non_blocking=True)  # which a GPU is not waited for


def row_values(
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    scale: float,
    softcap: float | None,
    offset: Tensor | None,
) -> Tensor:
    """Return the loss of each row, in the dtype that is computed in; exactly 0, NaN or not, where it is ignored."""
    asked = Asked.by(loss, logits, target, weight, ignore_index)
    rows = Rows.of(transformed(asked.logits, scale, softcap, offset))
    values: Tensor = loss.curve(rows.nll(asked.label)).value
    if asked.coef is not None:
        values = times(asked.coef, values)
    if asked.label is None:
        values = values.sum(-1, keepdim=True)
    if loss.z_loss != 0:
        squared = loss.z_loss * (rows.top + rows.log_sum) ** 2
        values = values + (squared if asked.mass is None else times(asked.mass, squared))
    values = values + rows.poison
    if asked.ignored is not None:
        values = torch.where(asked.ignored, 0.0, values)
    return values.squeeze(-1)


def row_stats(
    logits: Tensor,
    target: Tensor,
    ignore_index: int,
    scale: float,
    softcap: float | None,
    offset: Tensor | None,
) -> Stats:
    """Return what is to be known of each row beside its loss, without gradient."""
    with torch.no_grad():
        z = transformed(logits.to(compute_dtype(logits)), scale, softcap, offset)
        rows = Rows.of(z)
        nll = rows.nll()
        entropy = times(torch.exp(-nll), nll).sum(-1, keepdim=True) + rows.poison
        top = z.gather(-1, rows.largest)
        lse = torch.where(top.isinf(), top, rows.top + rows.log_sum + rows.poison)
        if is_index(logits, target):
            ignored = (target == ignore_index).unsqueeze(-1)
            label = torch.where(ignored, 0, target.unsqueeze(-1).long())
            log_prob = torch.where(ignored, torch.nan, rows.poison - rows.nll(label))
            correct = (rows.largest == label) & ~ignored
        else:
            log_prob = rows.poison - times(target.to(z.dtype), nll).sum(-1, keepdim=True)
            correct = rows.largest == target.argmax(-1, keepdim=True)
        correct = correct & ~rows.poison.isnan()
        return Stats(*(each.squeeze(-1) for each in (lse, log_prob, entropy, correct)))


# --- sigmoid entries --------------------------------------------------------------------------------------------------


def entry_values(
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    pos_weight: Tensor | None,
    live: Tensor | None,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """Return the loss of each entry times its weight; exactly 0, NaN or not, where it does not take part.

    The other tensors broadcast to the logits' shape; ``live`` holds booleans.
    """
    dtype = compute_dtype(logits, target, weight, pos_weight)
    if live is not None:
        logits, target = torch.where(live, logits, 0.0), torch.where(live, target, 0)
    label = target.to(dtype)
    eps, uniform = loss.label_smoothing, loss.smoothing == "uniform"
    one, zero = label, 1.0 - label
    if eps != 0:
        one = (1.0 - eps) * label + eps * (0.5 if uniform else 1.0 - label)
        zero = (1.0 - eps) * (1.0 - label) + eps * (0.5 if uniform else label)
    if loss.binary_factors != (1.0, 1.0):
        one, zero = one * loss.binary_factors[0], zero * loss.binary_factors[1]
    if pos_weight is not None:
        one = one * pos_weight.to(dtype)

    nothing = (one == 0) & (zero == 0)
    if weight is not None:
        weight = weight.to(dtype)
        nothing = nothing | (weight == 0)
    z = transformed(quiet(logits, nothing).to(dtype), scale, softcap, None)
    positive, negative = loss.curve(_softplus(-z)).value, loss.negative_curve(_softplus(z)).value
    values = times(one, positive) + times(zero, negative)
    if weight is not None:
        values = times(weight, values)
    return values if live is None else torch.where(live, values, 0.0)


def _softplus(z: Tensor) -> Tensor:
    """Return log(1 + exp z); where that rounds to z, z.

    It is no logsigmoid, whose second derivative is p (1-p) with a p that has rounded to 1.
    """
    return F.softplus(z, threshold=20.0 if z.dtype == torch.float32 else 40.0)
