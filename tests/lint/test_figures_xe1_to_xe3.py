"""The figures of XE1xx to XE3xx, computed anew: by running the rules' own programs where they run."""

import math
from typing import Any

import numpy as np
import pytest

from xent.lint.rules import RULES

from .rule_programs import FAR, FIRST, IMAGE, ROW, F, answers, one_hot, run, says, torch


def floor_after_squashing(n_classes: int) -> float:
    """The lowest cross-entropy of logits in [0, 1]: the right class at 1, the others at 0."""
    return F.cross_entropy(one_hot(n_classes).double(), FIRST).item()


def test_xe101():
    program = run("XE101")
    answers(program["model"][1], one_hot(10, FAR)[0])
    says("XE101", "1.461", program["step"](IMAGE, FIRST))


def test_xe102():
    program = run("XE102")
    for sign, label, floor in ((-1, 0, ".693"), (1, 1, ".313")):
        answers(program["model"].head, [sign * FAR])
        says("XE102", floor, program["step"](ROW, torch.tensor([label])))
    says("XE102", ".731", 1 / (1 + math.exp(-1)))
    outputs = torch.linspace(0, 1, 10_001, dtype=torch.float64)
    for q, low, high in ((0.2, 0, 0), (0.5, 0, 0), (0.6, 0.40, 0.41), (0.7311, 1, 1), (0.9, 1, 1)):
        assert low <= outputs[(F.softplus(outputs) - q * outputs).argmin()] <= high
    assert (torch.sigmoid(outputs) >= 0.5).all()
    program = run("XE102", "good")
    answers(program["model"].head, [-FAR])
    assert program["step"](ROW, torch.tensor([0])) == 0


def test_xe103():
    program = run("XE103")
    answers(program["model"][3], one_hot(10, 2 * FAR)[0] - FAR)
    says("XE103", "1.461", program["step"](IMAGE, FIRST))
    says("XE103", ".313", floor_after_squashing(2))


def test_xe104():
    optax = pytest.importorskip("optax")
    for n_classes, figure in ((10, "1.461"), (1000, "5.909")):
        says("XE104", figure, optax.softmax_cross_entropy_with_integer_labels(np.eye(n_classes)[0], 0))
    says("XE104", "6.908", optax.softmax_cross_entropy_with_integer_labels(np.full(1000, 0.001), 0))
    says("XE104", ".731", np.exp(-optax.sigmoid_binary_cross_entropy(np.float32(1), np.float32(1))))


def test_xe105():
    says("XE105", "1.461", floor_after_squashing(10))
    says("XE105", ".731", torch.sigmoid(torch.tensor(1.0)))


def test_xe106():
    assert torch.softmax(one_hot(1000, 5), 1)[0, 0] == pytest.approx(math.exp(5) / (math.exp(5) + 999), rel=1e-5)
    says("XE106", ".129", torch.softmax(one_hot(1000, 5), 1)[0, 0])
    says("XE106", ".957", torch.softmax(one_hot(1000, 10) - 5, 1)[0, 0])
    program = run("XE106")
    answers(program["model"].head, -torch.ones(10))
    loss = program["step"](IMAGE, FIRST)
    loss.backward()
    says("XE106", "2.303", loss)
    assert all(not parameter.grad.any() for parameter in program["model"].parameters())
    bounded = 2 * one_hot(10).double() - 1
    says("XE106", ".451", torch.softmax(bounded, 1)[0, 0])
    says("XE106", ".797", F.cross_entropy(bounded, FIRST))
    says("XE106", "4.914", F.cross_entropy(2 * one_hot(1000).double() - 1, FIRST))
    says("XE106", "1.246", F.cross_entropy(one_hot(1000, 6).double(), FIRST))


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": torch.arange(1.0, 8)}])
def test_xe107_is_harmless(options):
    logits = torch.randn(64, 7, dtype=torch.float64, generator=torch.manual_seed(0)).mul_(5).requires_grad_()
    target = torch.randint(0, 7, (64,)).index_fill_(0, torch.arange(5), -100)
    options = {key: value.double() if key == "weight" else value for key, value in options.items()}
    losses = [F.cross_entropy(z, target, **options) for z in (logits, F.log_softmax(logits, 1))]
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in losses]
    torch.testing.assert_close(*losses, rtol=1e-14, atol=0)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-15)


def test_xe201():
    bad, good = run("XE201"), run("XE201", "good")
    for head in (bad["model"].head, good["model"].head):
        answers(head, torch.arange(10.0))
    losses = [program["step"](IMAGE, FIRST) for program in (bad, good)]
    p = torch.softmax(torch.arange(10.0), 0)[0]
    assert losses[0].item() == pytest.approx(-p.item())
    for loss in losses:
        loss.backward()
    gradients = [program["model"].head.bias.grad for program in (bad, good)]
    torch.testing.assert_close(gradients[0], p * gradients[1])
    certain, honest = (
        F.nll_loss(torch.tensor([q, q]), torch.tensor([0, 1]), torch.tensor([0.6, 0.4]))
        for q in ([1.0, 0.0], [0.6, 0.4])
    )
    assert certain < honest


def test_xe202():
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    target = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    optimizer = torch.optim.SGD([bias], lr=0.1)
    criterion = run("XE202")["criterion"]
    for _ in range(1000):
        optimizer.zero_grad()
        criterion(bias.expand(10, 3), target).backward()
        optimizer.step()
    for figure, value in zip(("50", "30", "20"), bias, strict=True):
        says("XE202", figure, value)
    says("XE202", "−38", criterion(bias.expand(10, 3), target))


def test_xe203():
    epsilon = 1e-7  # keras.config.epsilon()
    logit = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)
    loss = -torch.log(logit.clamp(epsilon, 1 - epsilon))
    assert torch.autograd.grad(loss, logit)[0] == 0
    says("XE203", "16.118", loss)
    logits = torch.tensor([2, -3, 0.5], dtype=torch.float64, requires_grad=True)
    says("XE203", ".813", torch.softmax(logits, 0)[0])
    says("XE203", "−.5", logits.sum())
    shares = logits / logits.sum()
    assert shares.tolist() == pytest.approx([-4, 6, -1])
    loss = -torch.log(shares.clamp(epsilon, 1 - epsilon)[0])
    assert not torch.autograd.grad(loss, logits)[0].any()
    says("XE203", "16.118", loss)


def test_xe204():
    criterion = run("XE204")["criterion"]
    teacher = torch.tensor([[0.6, 0.3, 0.1]])
    student = teacher.clone().requires_grad_()
    agreed = criterion(student, teacher)
    says("XE204", "−1.358", agreed)
    torch.testing.assert_close(torch.autograd.grad(agreed, student)[0], -teacher)
    says("XE204", "−1.498", criterion(one_hot(3), teacher))
    assert criterion(teacher.log(), teacher) == pytest.approx(0, abs=1e-7)


def test_xe205():
    bad, good = run("XE205"), run("XE205", "good")
    with pytest.warns(UserWarning, match="batchmean"):
        loss = bad["step"](torch.arange(4 * 784.0).sin().reshape(4, 784))
    assert good["step"](torch.arange(4 * 784.0).sin().reshape(4, 784)).item() == pytest.approx(10 * loss.item())
    says("XE205", ".0005", 0.5 / 1000)


def test_xe206():
    program = run("XE206")
    answers(program["model"][2], [1.5])
    with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
        program["step"](ROW, torch.tensor([1]))
    answers(program["model"][2], [0.0])
    says("XE206", "100", program["step"](ROW, torch.tensor([1])))


def test_xe301():
    program = run("XE301")
    rows, labels = torch.randn(8, 30), torch.arange(8) % 2
    loss = program["step"](rows, labels)
    loss.backward()
    assert loss == 0
    assert all(not parameter.grad.any() for parameter in program["model"].parameters())
    with pytest.raises(IndexError, match="out of bounds"):
        program["criterion"](program["model"](rows), labels)
    says("XE301", "100", F.binary_cross_entropy(torch.softmax(torch.randn(8, 1), 1), torch.zeros(8, 1)))


def test_xe302():
    criterion = run("XE302")["criterion"]
    for n_labels, figure in ((2, "1.386"), (3, "3.296")):
        target = (torch.arange(20) < n_labels).float()[None]
        best = criterion(FAR * target, target)
        says("XE302", figure, best)
        others = torch.randn(1000, 20, generator=torch.manual_seed(0)).mul(5)
        assert F.cross_entropy(others, target.expand(1000, 20), reduction="none").min() > best
    assert criterion(torch.randn(1, 20), torch.zeros(1, 20)) == 0


def test_xe303():
    uniform, target = torch.full((1, 10), 0.1, dtype=torch.float64), one_hot(10).double()
    says("XE303", ".325", F.binary_cross_entropy(uniform, target))
    says("XE303", "2.303", F.nll_loss(uniform.log(), FIRST))
    says("XE303", ".9", ((uniform > 0.5) == (target == 1)).double().mean())
    for logit, figure in ((5, ".993"), (-5, ".007")):
        outputs = torch.sigmoid(torch.full((3,), logit, dtype=torch.float64))
        says("XE303", figure, outputs[0])
        says("XE303", "1.099", -torch.log(outputs[0] / outputs.sum()))


def test_xe304():
    program = run("XE304")
    answers(program["model"][1], one_hot(10)[0])
    says("XE304", "2.229", program["step"](IMAGE, FIRST))
    answers(program["model"][1], torch.zeros(10))
    says("XE304", "2.303", program["step"](IMAGE, FIRST))
    p = torch.softmax(one_hot(10).double(), 1)[0]
    entropy = -(p * p.log()).sum()
    for figure, value in ((".232", p[0]), (".085", p[1]), (".073", math.log(10) - entropy)):
        says("XE304", figure, value)
    for target, figure, floor in ((0.5, ".5", ".693"), (1 / (1 + math.exp(-1)), ".731", ".582")):
        q = torch.tensor(target, dtype=torch.float64)
        says("XE304", figure, q)
        says("XE304", floor, F.binary_cross_entropy(q, q))


def test_xe305():
    logits = torch.linspace(-30, 30, 61, dtype=torch.float64, requires_grad=True)
    losses = F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 3.0), reduction="none")
    says("XE305", "−20", losses[40])
    gradient = torch.autograd.grad(losses.sum(), logits)[0]
    assert (gradient >= -3).all()
    assert (gradient <= -2).all()
    assert run("XE305")["step"]().isfinite()  # PyTorch does not object


def test_xe306():
    images, labels = torch.randn(8, 784), torch.arange(8)
    for which, moves in (("bad", False), ("good", True)):
        program = run("XE306", which)
        before = program["model"][1].weight.clone()
        program["step"](images, labels)
        assert (program["model"][1].weight != before).any().item() is moves
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
        program["criterion"](program["model"](images).detach(), labels).backward()


def stay_in_place(view: Any, permuted: Any) -> int:
    assert view.shape == permuted.shape
    return int((view == permuted).sum())


def test_xe307():
    numbers = torch.arange(128 * 12).reshape(1, 128, 12)
    says("XE307", "2", stay_in_place(numbers.view(1, 12, 128), numbers.permute(0, 2, 1)))
    pixels = torch.arange(21 * 64 * 64).reshape(1, 21, 64, 64)
    says("XE307", "6", stay_in_place(pixels.reshape(-1, 21), pixels.permute(0, 2, 3, 1).reshape(-1, 21)))
    says("XE307", "86,016", pixels.numel())
    assert (torch.softmax(torch.randn(1, 10), dim=0) == 1).all()
    for n_axes, axis in ((1, 0), (2, 1), (3, 0), (4, 1)):
        array = torch.randn(*range(2, 2 + n_axes))
        with pytest.warns(UserWarning, match="Implicit dimension"):
            implicit = F.softmax(array)
        torch.testing.assert_close(implicit, F.softmax(array, dim=axis))
    tokens, tags = torch.arange(60).reshape(4, 15), torch.arange(60).reshape(4, 15) % 12
    good, bad = run("XE307", "good"), run("XE307")
    honest = F.cross_entropy(good["model"](tokens).flatten(0, 1), tags.flatten())
    torch.testing.assert_close(good["step"](tokens, tags), honest)
    assert abs(bad["step"](tokens, tags) - honest) > 1e-4


def test_xe308():
    p = np.linspace(0, 1, 1_000_001)
    threshold = 1 / (1 + math.exp(-0.5))
    says("XE308", ".622", threshold)
    for cut, figure in ((0.5, ".75"), (threshold, ".61")):
        says("XE308", figure, p[p > cut].sum() / p.sum())
    says("XE308", "2.197", math.log(0.9 / 0.1))
    for logit in (-1.0, 0.3, 1.0):
        predictions = []
        for which in ("bad", "good"):
            program = run("XE308", which)
            answers(program["model"][2], [logit])
            predictions.append(program["predict"](ROW).item())
        assert predictions == {-1.0: [False, False], 0.3: [False, True], 1.0: [True, True]}[logit]


def test_xe309():
    logits = torch.tensor([4.0, 0, 0], dtype=torch.float64)
    for temperature, figure in ((1, ".965"), (2, ".787"), (4, ".576")):
        says("XE309", figure, torch.softmax(logits / temperature, 0)[0])
    says("XE309", "2.25", 1.5**2)
    says("XE309", ".0049", 0.07**2)
    program = run("XE309")
    torch.testing.assert_close(
        program["predict"](IMAGE), torch.softmax(program["model"].head(IMAGE) / 2.25, 1), rtol=1e-5, atol=1e-7
    )


def test_every_rule_of_these_families_is_checked_here():
    named = {name[5:10].upper() for name in globals() if name.startswith("test_xe")}
    assert {code for code in RULES if code[2] in "123"} <= named
