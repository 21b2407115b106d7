"""Every code on small programs: those that make the mistake, and twins as near to them as possible that do not."""

import math
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch.nn.functional import cross_entropy as imported_by_name  # noqa: E402

import xent  # noqa: E402
import xent.torch  # noqa: E402

G = torch.Generator().manual_seed(1)
X, Y = torch.randn(16, 8, generator=G), torch.arange(16) % 5
SEQ, TAGS = torch.randn(6, 7, 8, generator=G), torch.randint(5, (6, 7), generator=G)
SQUARE = torch.randint(5, (6, 5), generator=G)
IMG, MAP = torch.randn(2, 3, 6, 6, generator=G), torch.randint(5, (2, 6, 6), generator=G)
BINARY = (torch.arange(16) % 3 == 0).float()
ONE_HOT = F.one_hot(Y, 5).float()
MULTI = (torch.rand(16, 5, generator=G) > 0.5).float()
PADDED = torch.randint(1, 5, (8, 12), generator=G)
for row in range(8):
    PADDED[row, 12 - row :] = 0
OUTSIDE = PADDED.clone()  # 'O' of a tagger: at the end, and inside too
OUTSIDE[:, 1] = 0
RARE = torch.tensor([0] * 100 + [1] * 20 + [2] * 10)


def net(x: Any = X) -> Any:
    torch.manual_seed(0)
    return nn.Linear(8, 5)(x)


def one(x: Any = X) -> Any:
    torch.manual_seed(0)
    return nn.Linear(8, 1)(x)[:, 0]


def timid() -> Any:
    """Logits that happen to be between 0 and 1."""
    layer = nn.Linear(8, 1)
    with torch.no_grad():
        layer.weight.mul_(0.01)
        layer.bias.fill_(0.5)
    return layer(X)[:, 0]


def conv(x: Any = IMG) -> Any:
    torch.manual_seed(0)
    return nn.Conv2d(3, 5, 1)(x)


def three() -> Any:
    return nn.Linear(8, 3)(torch.randn(130, 8))


def without_grad(program: Callable[[], Any]) -> Any:
    with torch.no_grad():
        return program()


def leaf(how: Callable[[Any], Any]) -> None:
    how(F.cross_entropy(net().detach(), Y)).backward()


def attention(x: Any) -> Any:
    return nn.Linear(8, 5)(torch.softmax(x @ x.mT, -1) @ x)


def experts(x: Any) -> Any:
    gates = torch.softmax(nn.Linear(8, 3)(x), -1)
    heads = torch.stack([nn.Linear(8, 5)(x) for _ in range(3)], 1)
    return (gates[..., None] * heads).sum(1)


def info_nce() -> Any:
    a, b = F.normalize(nn.Linear(8, 6)(X), dim=1), F.normalize(nn.Linear(8, 6)(X), dim=1)
    return F.cross_entropy(a @ b.T / 0.1, torch.arange(16))


def policy_gradient() -> Any:
    chosen = torch.distributions.Categorical(logits=net())
    return -(chosen.log_prob(Y) * torch.linspace(-1, 1, 16)).mean()


def adversaries() -> Any:
    fake = nn.Sequential(nn.Linear(8, 1), nn.Sigmoid())(X)
    return F.binary_cross_entropy(fake, torch.ones(16, 1))


BAD: dict[str, tuple[str, Callable[[], Any]]] = {
    "softmax": ("XE101", lambda: F.cross_entropy(net().softmax(1), Y)),
    "softmax, imported by name": ("XE101", lambda: imported_by_name(net().softmax(1), Y)),
    "softmax, module": ("XE101", lambda: nn.CrossEntropyLoss()(nn.Softmax(1)(net()), Y)),
    "softmax, xent": ("XE101", lambda: xent.torch.cross_entropy(net().softmax(1), Y)),
    "softmax, xent's module": ("XE101", lambda: xent.torch.FocalLoss()(net().softmax(1), Y)),
    "softmax, xent's object": ("XE101", lambda: xent.losses.Focal()(net().softmax(1), Y)),
    "softmax, xent.cross_entropy": ("XE101", lambda: xent.cross_entropy(net().softmax(1), Y)),
    "softmax, evaluation": ("XE101", lambda: without_grad(lambda: F.cross_entropy(net().softmax(1), Y))),
    "softmax, detached": ("XE101", lambda: F.cross_entropy(net().softmax(1).detach(), Y)),
    "softmax, soft target": ("XE101", lambda: F.cross_entropy(net().softmax(1), ONE_HOT * 0.9 + 0.02)),
    "softmax, flattened": ("XE101", lambda: F.cross_entropy(net(SEQ).softmax(-1).reshape(-1, 5), TAGS.reshape(-1))),
    "softmax, transposed": ("XE101", lambda: F.cross_entropy(net(SEQ).softmax(-1).transpose(1, 2), TAGS)),
    "softmax, image": ("XE101", lambda: F.cross_entropy(conv().softmax(1), MAP)),
    "softmax, cast": ("XE101", lambda: F.cross_entropy(net().softmax(1).bfloat16().float(), Y)),
    "softmax, cat": ("XE101", lambda: F.cross_entropy(torch.cat([net(), net()]).softmax(1), torch.cat([Y, Y]))),
    "softmax, cat after": ("XE101", lambda: F.cross_entropy(torch.cat([net().softmax(1)] * 2), torch.cat([Y, Y]))),
    "softmax, masked": ("XE101", lambda: F.cross_entropy(net(SEQ).softmax(-1)[TAGS > 1], TAGS[TAGS > 1])),
    "softmax by hand": ("XE101", lambda: F.cross_entropy(net().exp() / net().exp().sum(1, keepdim=True), Y)),
    "exp of log_softmax": ("XE101", lambda: F.cross_entropy(net().log_softmax(1).exp(), Y)),
    "mean of softmaxes": ("XE101", lambda: F.cross_entropy((net().softmax(1) + (2 * net()).softmax(1)) / 2, Y)),
    "sigmoid, with logits": ("XE102", lambda: F.binary_cross_entropy_with_logits(one().sigmoid(), BINARY)),
    "sigmoid, module": ("XE102", lambda: nn.BCEWithLogitsLoss()(one().sigmoid(), BINARY)),
    "sigmoid, xent": ("XE102", lambda: xent.torch.binary_cross_entropy_with_logits(one().sigmoid(), BINARY)),
    "sigmoid, xent's module": ("XE102", lambda: xent.torch.SigmoidFocalLoss()(one().sigmoid(), BINARY)),
    "logsigmoid": ("XE102", lambda: F.binary_cross_entropy_with_logits(F.logsigmoid(one()), BINARY)),
    "sigmoid, softmax": ("XE103", lambda: F.cross_entropy(net().sigmoid(), Y)),
    "relu": ("XE106", lambda: F.cross_entropy(net().relu(), Y)),
    "relu, evaluation": ("XE106", lambda: without_grad(lambda: F.cross_entropy(net().relu(), Y))),
    "relu, binary": ("XE106", lambda: F.binary_cross_entropy_with_logits(net().relu(), ONE_HOT)),
    "tanh": ("XE106", lambda: F.cross_entropy(net().tanh(), Y)),
    "relu6": ("XE106", lambda: F.cross_entropy(F.relu6(net()), Y)),
    "clamp from 0": ("XE106", lambda: F.cross_entropy(net().clamp(min=0), Y)),
    "clamp to 1": ("XE106", lambda: F.cross_entropy(net().clamp(-1, 1), Y)),
    "log_softmax": ("XE107", lambda: F.cross_entropy(net().log_softmax(1), Y)),
    "nll of softmax": ("XE201", lambda: F.nll_loss(net().softmax(1), Y)),
    "nll of softmax, evaluation": ("XE201", lambda: without_grad(lambda: nn.NLLLoss()(net().softmax(1), Y))),
    "nll of sigmoid": ("XE201", lambda: F.nll_loss(net().sigmoid(), Y)),
    "nll of logits": ("XE202", lambda: F.nll_loss(net(), Y)),
    "nll of logits, evaluation": ("XE202", lambda: without_grad(lambda: F.nll_loss(net(), Y))),
    "kl of softmax": ("XE204", lambda: F.kl_div(net().softmax(1), ONE_HOT, reduction="batchmean")),
    "kl of softmax, evaluation": (
        "XE204",
        lambda: without_grad(lambda: F.kl_div(net().softmax(1), ONE_HOT, reduction="sum")),
    ),
    "kl of logits": ("XE204", lambda: F.kl_div(net(), ONE_HOT, reduction="batchmean")),
    "bce of logits": ("XE206", lambda: F.binary_cross_entropy(timid(), BINARY)),
    "one logit": ("XE301", lambda: F.cross_entropy(one()[:, None], Y * 0)),
    "one logit, softmax": ("XE301", lambda: F.binary_cross_entropy(one()[:, None].softmax(1), BINARY[:, None])),
    "one logit, nll": ("XE301", lambda: F.nll_loss(one()[:, None].log_softmax(1), Y * 0)),
    "multi-hot": ("XE302", lambda: F.cross_entropy(net(), MULTI)),
    "softmax, bce": ("XE303", lambda: F.binary_cross_entropy(net().softmax(1), ONE_HOT)),
    "softmax, with logits": ("XE303", lambda: F.binary_cross_entropy_with_logits(net().softmax(1), ONE_HOT)),
    "softmax, with logits, image": (
        "XE303",
        lambda: F.binary_cross_entropy_with_logits(conv().softmax(1), conv().detach().sigmoid()),
    ),
    "log_softmax, with logits": ("XE303", lambda: F.binary_cross_entropy_with_logits(net().log_softmax(1), ONE_HOT)),
    "sigmoid of the target": ("XE304", lambda: F.binary_cross_entropy_with_logits(one(), BINARY.sigmoid())),
    "sigmoid of the target, bce": ("XE304", lambda: F.binary_cross_entropy(one().sigmoid(), BINARY.sigmoid())),
    "softmax of the target": ("XE304", lambda: F.cross_entropy(net(), ONE_HOT.softmax(1))),
    "index, with logits": ("XE305", lambda: F.binary_cross_entropy_with_logits(one(), Y.float())),
    "argmax": ("XE306", lambda: F.cross_entropy(F.one_hot(net().argmax(1), 5).float(), Y)),
    "rounded": ("XE306", lambda: F.binary_cross_entropy((one() > 0).float(), BINARY)),
    "detached, made a leaf": ("XE306", lambda: leaf(lambda loss: loss.requires_grad_())),
    "detached, wrapped": ("XE306", lambda: leaf(lambda loss: loss.clone().requires_grad_())),
    "softmax over the batch": ("XE307", lambda: F.cross_entropy(net().softmax(0), Y)),
    "softmax over time": ("XE307", lambda: F.cross_entropy(net(SEQ).softmax(1).transpose(1, 2), TAGS)),
    "log_softmax over the batch": ("XE307", lambda: F.nll_loss(net().log_softmax(0), Y)),
    "log_softmax over the batch, ce": ("XE307", lambda: F.cross_entropy(net().log_softmax(0), Y)),
    "view for transpose": ("XE307", lambda: F.cross_entropy(net(SEQ).view(6, 5, 7), TAGS)),
    "reshape for movedim": (
        "XE307",
        lambda: F.cross_entropy(nn.Linear(3, 5)(IMG.movedim(1, -1)).reshape(2, 5, 6, 6), MAP),
    ),
    "view of a convolution": ("XE307", lambda: F.cross_entropy(conv().view(-1, 5), MAP.view(-1))),
    "no transpose, T = K": ("XE307", lambda: F.cross_entropy(net(SEQ[:, :5]), SQUARE)),
    "padding": ("XE401", lambda: F.cross_entropy(net(torch.randn(8, 12, 8)).transpose(1, 2), PADDED)),
    "padding, flattened": ("XE401", lambda: F.cross_entropy(net(torch.randn(8, 12, 8)).view(-1, 5), PADDED.view(-1))),
    "weights like counts": ("XE404", lambda: F.cross_entropy(three(), RARE, weight=torch.tensor([100.0, 20.0, 10.0]))),
    "one weight": ("XE405", lambda: F.binary_cross_entropy_with_logits(one(), BINARY, weight=torch.tensor([3.0]))),
    "smoothing and weights": (
        "XE406",
        lambda: F.cross_entropy(three(), RARE, weight=torch.tensor([1.0, 1.0, 50.0]), label_smoothing=0.1),
    ),
    "kl, (n, 1) and (n,)": ("XE602", lambda: F.kl_div(F.logsigmoid(one())[:, None], BINARY, reduction="sum")),
    "nan": ("XG001", lambda: F.cross_entropy(net().index_fill(0, torch.tensor([3]), math.nan), Y)),
    "inf": (
        "XG001",
        lambda: F.binary_cross_entropy_with_logits(one().index_fill(0, torch.tensor([1]), math.inf), BINARY),
    ),
    "all ignored": ("XG002", lambda: F.cross_entropy(net(), torch.full((16,), -100))),
    "logits as target": ("XG003", lambda: F.cross_entropy(net(), torch.randn(16, 5))),
    "sums of 2": ("XG003", lambda: F.cross_entropy(net(), 2 * net().detach().softmax(1))),
    "percent": ("XG003", lambda: F.binary_cross_entropy_with_logits(one(), 37.5 * BINARY)),
    "saturated": ("XG005", lambda: F.binary_cross_entropy((one() - 300).sigmoid(), BINARY)),
}

GOOD: dict[str, Callable[[], Any]] = {
    "logits": lambda: F.cross_entropy(net(), Y),
    "logits, evaluation": lambda: without_grad(lambda: F.cross_entropy(net(), Y)),
    "logits, detached": lambda: F.cross_entropy(net().detach(), Y),
    "logits, image": lambda: F.cross_entropy(conv(), MAP),
    "logits that are 0": lambda: F.cross_entropy(torch.zeros(16, 5, requires_grad=True) * 1, Y),
    "uniform rows": lambda: F.cross_entropy(torch.full((16, 5), 0.2), Y),
    "in [0, 1], no sums": lambda: F.cross_entropy(torch.rand(16, 5), Y),
    "one logit in [0, 1]": lambda: F.binary_cross_entropy_with_logits(torch.rand(16), BINARY),
    "one logit in [0, 1], head": lambda: F.binary_cross_entropy_with_logits(one().abs() / 10, BINARY),
    "one logit": lambda: F.binary_cross_entropy_with_logits(one(), BINARY),
    "multilabel": lambda: F.binary_cross_entropy_with_logits(net(), MULTI),
    "sigmoid, bce": lambda: F.binary_cross_entropy(one().sigmoid(), BINARY),
    "one class of a softmax, bce": lambda: F.binary_cross_entropy(net().softmax(1)[:, 1], BINARY),
    "attention": lambda: F.cross_entropy(attention(X), Y),
    "experts": lambda: F.cross_entropy(experts(X), Y),
    "gate": lambda: F.cross_entropy(net() * one().sigmoid()[:, None], Y),
    "relu inside": lambda: F.cross_entropy(nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 5))(X), Y),
    "relu, then pooled": lambda: F.cross_entropy(conv().relu().mean((2, 3)), Y[:2]),
    "leaky relu": lambda: F.cross_entropy(F.leaky_relu(net()), Y),
    "softcap": lambda: F.cross_entropy(30 * (net() / 30).tanh(), Y),
    "clamp against overflow": lambda: F.cross_entropy(net().clamp(-30, 30), Y),
    "clamp against overflow, binary": lambda: F.binary_cross_entropy_with_logits(one().clamp(-15, 15), BINARY),
    "nll": lambda: F.nll_loss(net().log_softmax(1), Y),
    "nll, evaluation": lambda: without_grad(lambda: F.nll_loss(net().log_softmax(1), Y)),
    "nll of log of softmax": lambda: F.nll_loss((net().softmax(1) + 1e-8).log(), Y),  # as skorch takes it
    "nll of log, evaluation": lambda: without_grad(lambda: F.nll_loss((net().softmax(1) + 1e-8).log(), Y)),
    "nll of a mixture": lambda: F.nll_loss(((net().softmax(1) + 0.2) / 2).log(), Y),
    "distillation": lambda: F.kl_div(
        (net() / 4).log_softmax(1), (net() / 4).softmax(1).detach(), reduction="batchmean"
    ),
    "distillation, logs": lambda: F.kl_div(
        net().log_softmax(1), net().log_softmax(1), reduction="sum", log_target=True
    ),
    "distillation, ce": lambda: F.cross_entropy(net(), (2 * net()).softmax(1).detach()),
    "label smoothing as target": lambda: F.cross_entropy(net(), ONE_HOT * 0.9 + 0.02),
    "negative label smoothing": lambda: F.cross_entropy(net(), ONE_HOT * 1.2 - 0.04),
    "one-hot times weights": lambda: F.cross_entropy(net(), ONE_HOT * torch.linspace(0.5, 3, 16)[:, None]),
    "contrastive, one row": lambda: F.cross_entropy(net()[:1] @ net()[:1].T, torch.arange(1)),
    "mixup": lambda: F.cross_entropy(net(), 0.7 * ONE_HOT + 0.3 * ONE_HOT.flip(0)),
    "one-hot": lambda: F.cross_entropy(net(), ONE_HOT),
    "one-hot, rows left out": lambda: F.cross_entropy(net(), ONE_HOT * BINARY[:, None]),
    "halves as target": lambda: F.binary_cross_entropy_with_logits(one(), torch.full((16,), 0.5)),
    "smoothed binary": lambda: F.binary_cross_entropy_with_logits(one(), BINARY * 0.8 + 0.1),
    "teacher's probabilities": lambda: F.binary_cross_entropy_with_logits(one(), (2 * one()).sigmoid().detach()),
    "log_softmax, indexed": lambda: -net().log_softmax(1)[torch.arange(16), Y].mean(),
    "contrastive": info_nce,
    "policy gradient": policy_gradient,
    "adversaries": adversaries,
    "transposed": lambda: F.cross_entropy(net(SEQ).transpose(1, 2), TAGS),
    "transposed, T = K": lambda: F.cross_entropy(net(SEQ[:, :5]).transpose(1, 2), SQUARE),
    "flattened": lambda: F.cross_entropy(net(SEQ).view(-1, 5), TAGS.view(-1)),
    "permuted image": lambda: F.cross_entropy(conv().permute(0, 2, 3, 1).reshape(-1, 5), MAP.view(-1)),
    "flat head in planes": lambda: F.cross_entropy(nn.Linear(8, 35)(X).view(16, 5, 7), TAGS[0].expand(16, 7)),
    "anchors": lambda: F.cross_entropy(
        nn.Conv2d(3, 10, 1)(IMG).view(2, 2, 5, 6, 6).permute(0, 3, 4, 1, 2).reshape(-1, 5), Y.repeat(9)
    ),
    "padding ignored": lambda: F.cross_entropy(net(torch.randn(8, 12, 8)).view(-1, 5), PADDED.view(-1), ignore_index=0),
    "padding masked": lambda: (
        F.cross_entropy(net(torch.randn(8, 12, 8)).transpose(1, 2), PADDED, reduction="none") * (PADDED > 0)
    ).mean(),
    "padding of weight 0": lambda: F.cross_entropy(
        net(torch.randn(8, 12, 8)).view(-1, 5), PADDED.view(-1), weight=torch.tensor([0.0, 1, 1, 1, 1])
    ),
    "outside tags": lambda: F.cross_entropy(net(torch.randn(8, 12, 8)).transpose(1, 2), OUTSIDE),
    "background": lambda: F.cross_entropy(conv(), MAP * (torch.arange(6) < 3)),
    "balancing weights": lambda: F.cross_entropy(three(), RARE, weight=torch.tensor([0.01, 0.05, 0.1])),
    "costs": lambda: F.cross_entropy(
        nn.Linear(8, 2)(torch.randn(130, 8)), RARE.clamp(max=1), weight=torch.tensor([10.0, 1.0])
    ),
    "mild smoothing and weights": lambda: F.cross_entropy(
        three(), RARE, weight=torch.tensor([1.0, 2.0, 5.0]), label_smoothing=0.1
    ),
    "weight of entries": lambda: F.binary_cross_entropy_with_logits(one(), BINARY, weight=torch.rand(16)),
    "positives": lambda: F.binary_cross_entropy_with_logits(one(), BINARY, pos_weight=torch.tensor([3.0])),
    "forbidden actions": lambda: F.cross_entropy(net().masked_fill(ONE_HOT.roll(1, 1) > 0, -math.inf), Y),
    "nan where ignored": lambda: F.cross_entropy(
        net().index_fill(0, torch.tensor([3]), math.nan), torch.where(torch.arange(16) == 3, -100, Y)
    ),
    "all ignored, sum": lambda: F.cross_entropy(net(), torch.full((16,), -100), reduction="sum"),
    "all ignored, xent's zero": lambda: xent.torch.cross_entropy(net(), torch.full((16,), -100), empty="zero"),
    "unknown entries": lambda: (
        F.binary_cross_entropy_with_logits(net(), MULTI * 2 - 1, reduction="none") * MULTI
    ).mean(),
    "learned already": lambda: F.cross_entropy(1000 * ONE_HOT + 0 * net(), Y),
    "loss of weight 0": lambda: 0.0 * F.cross_entropy(net(), Y),
    "logged loss": lambda: F.cross_entropy(net(), Y) + 0 * F.cross_entropy(net().detach(), Y),
    "two heads": lambda: F.cross_entropy(torch.cat([net(), 2 * net()]), torch.cat([Y, Y])),
    "parameter": lambda: F.cross_entropy(nn.Parameter(torch.rand(16, 5).softmax(1)), Y),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_programs(name: str, found: Callable[..., list[Any]]) -> None:
    code, program = BAD[name]
    assert [finding.code for finding in found(program)] == [code]


@pytest.mark.parametrize("name", GOOD)
def test_good_programs(name: str, found: Callable[..., list[Any]]) -> None:
    assert [str(finding) for finding in found(GOOD[name])] == []


def test_harmless_things_are_no_warning(found: Callable[..., list[Any]]) -> None:
    two = lambda: F.binary_cross_entropy(net()[:, :2].softmax(1), ONE_HOT[:, :2])  # noqa: E731
    mean = lambda: torch.kl_div(net().log_softmax(1), ONE_HOT, 1)  # noqa: E731
    assert [(f.code, f.severity) for f in found(two)] == [("XE303", "info")]
    assert [(f.code, f.severity) for f in found(mean)] == [("XE205", "info")]
    for program in (two, mean, BAD["log_softmax"][1]):
        with xent.torch.guard() as warned, xent.torch.guard(on_problem="raise") as raised:
            program()
        assert len(warned.findings) == len(raised.findings) == 1


def test_nll_loss_as_a_way_to_gather_is_only_suspected(found: Callable[..., list[Any]]) -> None:
    for code, make in (("XE202", net), ("XE201", lambda: net().softmax(1))):
        findings = found(lambda make=make: F.nll_loss(make(), Y, reduction="none"))
        assert [(f.code, f.severity) for f in findings] == [(code, "warning")]


# --- the numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [2, 10, 1000])
def test_floor_of_a_double_softmax(k: int, found: Callable[..., list[Any]]) -> None:
    y = torch.arange(12) % k
    (finding,) = found(lambda: F.cross_entropy(nn.Linear(8, k)(torch.randn(12, 8)).softmax(1), y))
    best = F.cross_entropy(F.one_hot(y, k).double(), y).item()  # sure and right in every row
    assert finding.evidence["floor"] == pytest.approx(best, rel=1e-12)
    assert finding.evidence["floor"] == pytest.approx(math.log(math.e + k - 1) - 1, rel=1e-12)
    assert f"with {k} classes your loss cannot go below {best:.3f}" in finding.why


def test_the_floor_that_the_documentation_names(found: Callable[..., list[Any]]) -> None:
    (finding,) = found(lambda: F.cross_entropy(nn.Linear(8, 10)(X).softmax(1), Y))
    assert "with 10 classes your loss cannot go below 1.461" in finding.why


def test_no_floor_is_named_that_is_not_exact(found: Callable[..., list[Any]]) -> None:
    for options in ({"label_smoothing": 0.1}, {"reduction": "sum"}):
        (finding,) = found(lambda options=options: F.cross_entropy(net().softmax(1), Y, **options))
        assert ("floor" in finding.evidence) == ("reduction" in options)
        assert ("of a row cannot go below" in finding.why) == ("reduction" in options)
    (finding,) = found(lambda: F.cross_entropy(net().softmax(1), ONE_HOT))
    assert "floor" not in finding.evidence
    for options in ({"temperature": 0.1}, {"normalizer": 100.0}, {"weight": torch.ones(5) / 9, "reduction": "sum"}):
        (finding,) = found(lambda options=options: xent.torch.cross_entropy(net().softmax(1), Y, **options))
        assert "floor" not in finding.evidence


def test_floor_of_a_double_sigmoid(found: Callable[..., list[Any]]) -> None:
    (finding,) = found(lambda: F.binary_cross_entropy_with_logits(one().sigmoid(), BINARY))
    best = F.binary_cross_entropy_with_logits(BINARY.double(), BINARY.double()).item()
    assert finding.evidence["floor"] == pytest.approx(best, rel=1e-12)
    assert f"cannot go below {best:.3f}" in finding.why


def test_floor_of_tanh(found: Callable[..., list[Any]]) -> None:
    (finding,) = found(lambda: F.cross_entropy(net().tanh(), Y))
    best = F.cross_entropy(2 * F.one_hot(Y, 5).double() - 1, Y).item()
    assert finding.evidence["floor"] == pytest.approx(best, rel=1e-12)


def test_the_chain_and_the_axes_are_named(found: Callable[..., list[Any]]) -> None:
    (finding,) = found(lambda: F.cross_entropy(net().softmax(1), Y))
    assert finding.seen.startswith(
        "AddmmBackward0 → SoftmaxBackward0 → cross_entropy, softmax over axis 1; 16 rows sum to 1 within "
    )
    (finding,) = found(lambda: F.cross_entropy(net().softmax(-2), Y))
    assert finding.problem == "input must have its classes along axis 1; got a softmax over axis 0"
    (finding,) = found(lambda: without_grad(lambda: F.cross_entropy(net().softmax(1), Y)))
    assert finding.seen.startswith("no graph to go by; all of 16 rows are in [0, 1] and sum to 1 within ")
    (finding,) = found(lambda: F.cross_entropy(net(SEQ).view(6, 5, 7), TAGS))
    assert finding.seen.startswith("a view from (6, 7, 5) to (6, 5, 7) mixes")


def test_the_first_row_that_is_not_finite(found: Callable[..., list[Any]]) -> None:
    (finding,) = found(BAD["nan"][1])
    assert "got NaN at row 3" in finding.problem
    assert finding.evidence == {"rows": 1, "first_row": 3}
    rows = lambda: F.cross_entropy(conv().masked_fill(MAP[:, None] == 0, math.inf), MAP)  # noqa: E731
    finding = found(rows)[0]
    first = tuple(int(i) for i in (MAP == 0).nonzero()[0])
    assert f"got inf at row {first}" in finding.problem
    assert finding.evidence["rows"] == int((MAP == 0).sum())


def test_the_optimum_that_smoothing_moves(found: Callable[..., list[Any]]) -> None:
    """The issue's example, and where torch's own optimum lies."""
    weight = torch.tensor([1.0, 1.0, 50.0])
    (finding,) = found(lambda: F.cross_entropy(three(), RARE, weight=weight, label_smoothing=0.1))
    assert (finding.evidence["class"], finding.evidence["instead"]) == (0, 2)
    z = torch.zeros(1, 3, dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([z], max_iter=100)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = F.cross_entropy(z, torch.tensor([0]), weight=weight.double(), label_smoothing=0.1, reduction="sum")
        loss.backward()
        return loss

    optimizer.step(closure)
    assert z.argmax() == 2


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_targets_of_a_sigmoid_are_counted(reduction: str, found: Callable[..., list[Any]]) -> None:
    (finding,) = found(lambda: F.binary_cross_entropy_with_logits(one(), BINARY.sigmoid(), reduction=reduction))
    assert finding.evidence["positives"] == pytest.approx(BINARY.mean().item())
    assert "0.5 or 0.731" in finding.seen
