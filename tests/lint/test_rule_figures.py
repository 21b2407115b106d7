"""The figures that the rules quote, computed anew: by running the rules' own programs where they run."""

import math
import re
import sys
from typing import Any

import numpy as np
import pytest

from xent.lint.rules import RULES

torch = pytest.importorskip("torch")
F = torch.nn.functional
FAR = 1e4  # a logit so large that its softmax or sigmoid is exactly 1


def says(code: str, figure: str, value: Any) -> None:
    """The text holds this figure, and it is the value, rounded."""
    assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?!\d|\.\d|,\d)", RULES[code].why), figure
    text = figure.replace("−", "-").replace(",", "")
    value = value.detach() if isinstance(value, torch.Tensor) else value
    assert round(float(value), len(text.partition(".")[2])) == float(text), figure


def run(code: str, which: str = "bad") -> dict[str, Any]:
    torch.manual_seed(0)
    module: dict[str, Any] = {"__name__": f"{code}_{which}"}
    exec(compile(getattr(RULES[code], which), f"<{code} {which}>", "exec"), module)
    return module


def answers(layer: Any, logits: Any) -> None:
    """Make a linear layer give these logits for every input."""
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.as_tensor(logits))


def one_hot(n_classes: int, scale: float = 1.0) -> Any:
    return scale * torch.eye(n_classes)[:1]


def logit_of(p: Any) -> Any:
    return torch.log(torch.as_tensor(p, dtype=torch.float64))


FIRST = torch.tensor([0])
IMAGE = torch.ones(1, 784)
ROW = torch.ones(1, 30)


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


def test_xe401():
    says("XE401", "2.996", math.log(20))
    says("XE401", ".899", 0.3 * math.log(20))
    says("XE401", "2.46", math.exp(0.3 * math.log(20)))
    sentences = [torch.arange(1, 8), torch.arange(3, 6)]
    longer = [*sentences, torch.arange(1, 40)]
    bad, good = run("XE401"), run("XE401", "good")

    def sum_over_the_first_two(program: dict[str, Any], batch: list[Any]) -> float:
        n_tokens = sum(len(sentence) - 1 for sentence in batch)
        return program["step"](batch).item() * n_tokens

    parts = [sum_over_the_first_two(good, part) for part in (sentences, longer[2:], longer)]
    assert parts[0] + parts[1] == pytest.approx(parts[2], rel=1e-5)
    assert bad["step"](longer[2:]).item() == pytest.approx(good["step"](longer[2:]).item())  # nothing to pad
    assert bad["step"](sentences).item() != pytest.approx(good["step"](sentences).item(), rel=1e-3)


def test_xe402():
    logits = torch.randn(50, 5, generator=torch.manual_seed(0)).requires_grad_()
    loss = F.cross_entropy(logits, torch.arange(50) % 5, ignore_index=0)
    gradient = torch.autograd.grad(loss, logits)[0]
    assert (gradient[:, 0] >= 0).all()  # a step goes against it: class 0 is never pushed up
    assert gradient[:, 0].any()


def test_xe403():
    bad, good = run("XE403"), run("XE403", "good")
    images, masks = torch.randn(1, 3, 4, 4), torch.full((1, 4, 4), 7)
    masks[0, 0, :2] = 255
    masks = masks.to(torch.uint8)
    logits = good["model"](images)
    every_pixel = F.cross_entropy(logits, torch.where(masks == 255, 0, masks).long(), reduction="none")
    assert bad["step"](images, masks).item() == pytest.approx(every_pixel.mean().item(), rel=1e-5)
    assert good["step"](images, masks).item() == pytest.approx(every_pixel[masks != 255].mean().item(), rel=1e-5)
    # 20 of 100 pixels of an object are unlabelled: .2 for the background is the best answer
    assert_best([0.2, 0.8], F.cross_entropy, torch.tensor([0] * 20 + [1] * 80))
    says("XE403", ".8", 0.8)


def assert_best(p: Any, criterion: Any, target: Any) -> None:
    """No other answer, given to all these rows, has a lower loss: the gradient is 0 there, and the loss is convex."""
    logits = logit_of(p).requires_grad_()
    loss = criterion(logits.expand(len(target), -1), target)
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], torch.zeros(len(p)).double(), rtol=0, atol=1e-7)


def test_xe404():
    counts = np.array([10, 90, 900])
    by_count = 1 / (np.sort(counts)[::-1] / 1000)  # what value_counts() gives, largest first
    p = counts * by_count / (counts * by_count).sum()
    says("XE404", ".989", p[2])
    target = torch.repeat_interleave(torch.arange(3), torch.from_numpy(counts))
    assert_best(p, lambda z, y: F.cross_entropy(z, y, weight=torch.from_numpy(by_count.copy())), target)
    assert_best([1 / 3] * 3, lambda z, y: F.cross_entropy(z, y, weight=torch.from_numpy(1 / counts)), target)
    assert p[2] / p[0] == pytest.approx((900 / 10) ** 2)
    with pytest.raises(RuntimeError, match="weight tensor should be defined either for all 3 classes"):
        F.cross_entropy(torch.zeros(1, 3), FIRST, weight=torch.ones(2))


def test_xe405():
    target = torch.tensor([1.0] + [0.0] * 9)
    for which, p in (("bad", 0.1), ("good", 0.5)):
        logit = torch.tensor(math.log(p / (1 - p)), requires_grad=True)
        loss = run("XE405", which)["criterion"](logit.expand(10), target)
        assert torch.autograd.grad(loss, logit)[0].item() == pytest.approx(0, abs=1e-6)
        says("XE405", f"{p:.1f}".lstrip("0"), p)


def test_xe406():
    bad, good = run("XE406")["criterion"], run("XE406", "good")["criterion"]
    bent = torch.tensor([0.9 + 0.1 / 3, 0.1 / 3, 50 * 0.1 / 3], dtype=torch.float64)
    bent /= bent.sum()
    for figure, value in zip((".354", ".013", ".633"), bent, strict=True):
        says("XE406", figure, value)
    bad.weight = bad.weight.double()
    assert_best(bent, bad, FIRST)
    assert_best([0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3], lambda z, y: good(z, y).sum(), FIRST)
    for n_classes, figure in ((3, "28"), (10, "91")):
        says("XE406", figure, n_classes * 0.9 / 0.1 + 1)
        for ratio, winner in ((float(figure) - 0.5, 0), (float(figure) + 0.5, n_classes - 1)):
            target = torch.full((n_classes,), 0.1 / n_classes)
            target[0] += 0.9
            target[-1] *= ratio
            assert target.argmax() == winner
    mild = torch.tensor([0.9 + 0.1 / 3, 0.1 / 3, 5 * 0.1 / 3], dtype=torch.float64)
    says("XE406", ".824", mild[0] / mild.sum())
    says("XE406", ".933", mild[0])


def test_xe407():
    p = torch.tensor([0.99] * 9 + [0.01], dtype=torch.float64)
    logits = torch.stack([p, *[(1 - p) / 9] * 9], dim=1).log()
    labels = torch.zeros(10, dtype=torch.long)
    says("XE407", ".066", run("XE407")["focal_loss"](logits, labels))
    says("XE407", ".451", run("XE407", "good")["focal_loss"](logits, labels))
    together = float((1 - torch.exp(p.log().mean())) ** 2)
    for figure, value in ((".0001", (1 - p[0]) ** 2), (".980", (1 - p[-1]) ** 2), (".140", together)):
        says("XE407", figure, value)
    assert 6.5 < (1 - p[-1]) ** 2 / together < 7.5


def test_xe408():
    def gradient(which: str, parts: list[Any]) -> Any:
        program = run("XE408", which)
        answers(program["model"][1], torch.zeros(8000))
        program["optimizer"].step = lambda: None
        program["step"](parts)
        return program["model"][1].bias.grad

    tokens, target = torch.arange(1000)[None], torch.arange(1000)[None] + 1000
    whole = gradient("good", [(tokens, target)])
    parts = [(tokens[:, :10], target[:, :10]), (tokens[:, 10:], target[:, 10:])]
    torch.testing.assert_close(gradient("good", parts), whole, rtol=1e-4, atol=1e-8)
    # Every p is 1/8000 and each target occurs once: its gradient is 1/8000 less the weight of its token.
    weight = 1 / 8000 - gradient("bad", parts)[1000:2000]
    says("XE408", "99", weight[:10].mean() / weight[10:].mean())
    says("XE408", "1.6", 64 / (1000 - 15 * 64))


def first_not_finite(function: Any, dtype: Any, sign: int) -> tuple[float, float]:
    """From which |x| on, in steps of .1, the value is not finite, and from which the gradient is not."""
    found: list[float] = []
    for part in (0, 1):
        for tenths in range(1, 1100):
            x = torch.tensor(sign * tenths / 10, dtype=dtype, requires_grad=True)
            y = function(x)
            if not (y, torch.autograd.grad(y, x)[0])[part].isfinite():
                found.append(tenths / 10)
                break
    return found[0], found[1]


@pytest.mark.parametrize(
    ("code", "function", "sign", "dtype", "value", "gradient"),
    [
        ("XE501", lambda x: torch.log(torch.softmax(torch.stack([x, 0 * x]), 0))[0], -1, "float32", "104", "88.8"),
        ("XE501", lambda x: torch.log(torch.softmax(torch.stack([x, 0 * x]), 0))[0], -1, "float16", "17.4", "11.1"),
        ("XE502", lambda x: torch.log(torch.sigmoid(x)), -1, "float32", "−88.8", "−88.8"),
        ("XE502", lambda x: torch.log(torch.sigmoid(x)), -1, "float16", "−17.4", "−11.1"),
        ("XE503", lambda x: torch.log(1 - torch.sigmoid(x)), 1, "float32", "16.7", "16.7"),
        ("XE503", lambda x: torch.log(1 - torch.sigmoid(x)), 1, "float16", "8.4", "8.4"),
        ("XE503", lambda x: torch.log(1 - torch.sigmoid(x)), 1, "bfloat16", "6.3", "6.3"),
    ],
)
def test_xe50x_lose_the_value_and_the_gradient(code, function, sign, dtype, value, gradient):
    for figure, found in zip((value, gradient), first_not_finite(function, getattr(torch, dtype), sign), strict=True):
        says(code, figure, -found if "−" in figure else found)


def test_xe503_loses_digits_before():
    x = torch.tensor(15.0)
    says("XE503", "−14.84", torch.log(1 - torch.sigmoid(x)))
    says("XE503", "−15.00", F.logsigmoid(-x))


@pytest.mark.parametrize("code", ["XE501", "XE502", "XE503", "XE504"])
def test_xe50x_twins_agree_where_both_are_exact(code):
    arguments = {
        "XE501": (torch.randn(4, 784, generator=torch.manual_seed(1)), torch.arange(4)),
        "XE502": (torch.ones(4, 64), -torch.ones(4, 64)),
        "XE503": (torch.ones(4, 64), -torch.ones(4, 64)),
        "XE504": (torch.arange(4), torch.arange(4), torch.arange(4, 8)),
    }[code]
    losses = [run(code, which) for which in ("bad", "good")]
    step = next(name for name in losses[0] if name in ("step", "ranking_loss", "critic_loss"))
    torch.testing.assert_close(*[program[step](*arguments) for program in losses], rtol=1e-4, atol=1e-6)


def test_xe504():
    says("XE504", "18.4", -math.log(1e-8))
    x = torch.tensor(-30.0, dtype=torch.float64, requires_grad=True)
    says("XE504", ".0000094", torch.autograd.grad(torch.log(torch.sigmoid(x) + 1e-8), x)[0])
    assert torch.tensor(1e-8).half() == 0
    assert torch.autograd.grad(torch.log(torch.sigmoid(x).clamp(min=1e-8)), x)[0] == 0


@pytest.mark.parametrize(("dtype", "figure"), [("float32", "88.7"), ("float16", "11.1"), ("float64", "709.8")])
def test_xe505(dtype, figure):
    says("XE505", figure, np.log(float(np.finfo(dtype).max)))
    scores = np.array([[float(figure) + 0.1, 0, 1]], dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        assert np.isnan(run("XE505")["softmax"](scores)).any()
    good = run("XE505", "good")["softmax"]
    assert np.isfinite(good(scores)).all()
    if dtype == "float32":
        with np.errstate(invalid="ignore"):
            assert np.isnan(run("XE505")["softmax"](np.full((1, 3), -104.1, dtype))).all()
        assert good(np.full((1, 3), -104.1, dtype)).tolist()[0] == pytest.approx([1 / 3] * 3)


def test_xe601():
    says("XE601", ".622", 1 / (1 + math.exp(-0.5)))
    says("XE601", ".574", 1 / (1 + math.exp(-0.3)))
    accuracy = pytest.importorskip("torchmetrics.functional.classification").binary_accuracy
    labels = torch.tensor([1, 1, 0])
    says("XE601", ".667", accuracy(torch.tensor([0.3, 0.7, 0.45]), labels))
    says("XE601", "1", accuracy(torch.tensor([0.3, 0.7, -0.45]), labels))


@pytest.mark.parametrize(("positives", "figure"), [(0.5, ".5"), (0.1, ".82")])
def test_xe602(positives, figure):
    program, good = run("XE602"), run("XE602", "good")
    labels = (torch.arange(1000) < 1000 * positives).long()
    for module in (program, good):
        module |= {"labels": labels, "features": labels[:, None].float(), "model": lambda x: 2 * x - 1}
    says("XE602", figure, program["accuracy"]())
    assert good["accuracy"]() == 1
    if positives == 0.5:
        program["model"] = lambda x: 1 - 2 * x
        says("XE602", ".5", program["accuracy"]())


def test_xe602_who_objects():
    column, row = torch.zeros(4, 1), torch.zeros(4)
    with pytest.raises(ValueError, match="must be the same"):
        F.binary_cross_entropy_with_logits(column, row)
    with pytest.warns(UserWarning, match="broadcasting"):
        F.mse_loss(column, row)
    optax = pytest.importorskip("optax")
    assert optax.sigmoid_binary_cross_entropy(column.numpy(), row.numpy()).shape == (4, 4)


def test_xe603():
    smoothed = torch.full((32_000,), 0.1 / 32_000, dtype=torch.float64)
    smoothed[0] += 0.9
    floor = F.cross_entropy(smoothed.log()[None], FIRST, label_smoothing=0.1)
    for figure, value in (("1.362", floor), ("3.91", floor.exp()), ("4.328", 3 / math.log(2))):
        says("XE603", figure, value)
    for figure, value in (("20.1", math.exp(3)), ("20.1", 2 ** (3 / math.log(2))), ("75.8", math.exp(4.328085))):
        says("XE603", figure, value)
    tokens = torch.arange(50)[None]
    bad, good = run("XE603"), run("XE603", "good")
    logits = good["model"](tokens[:, :-1])[0].log_softmax(1)
    assert good["perplexity"](tokens) == pytest.approx(
        math.exp(-logits[torch.arange(49), tokens[0, 1:]].mean().item()), rel=1e-5
    )
    assert bad["perplexity"](tokens) != pytest.approx(good["perplexity"](tokens), rel=1e-3)


def test_every_rule_with_figures_is_checked_here():
    named = {name[5:10].upper() for name in vars(sys.modules[__name__]) if name.startswith("test_xe")}
    assert {code for code in RULES if code[:4] != "XE50"} <= named
