"""The figures of XE4xx to XE6xx, computed anew: by running the rules' own programs where they run."""

import math
from typing import Any

import numpy as np
import pytest

from xent.lint.rules import RULES

from .rule_programs import FIRST, F, answers, logit_of, run, says, torch


def assert_best(p: Any, criterion: Any, target: Any) -> None:
    """No other answer, given to all these rows, has a lower loss: the gradient is 0 there, and the loss is convex."""
    logits = logit_of(p).requires_grad_()
    loss = criterion(logits.expand(len(target), -1), target)
    torch.testing.assert_close(torch.autograd.grad(loss, logits)[0], torch.zeros(len(p)).double(), rtol=0, atol=1e-7)


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


def test_xe404_programs(tmp_path, monkeypatch):
    pytest.importorskip("pandas")
    (tmp_path / "train.csv").write_text("label\n" + "0\n" + "1\n" * 4 + "2\n" * 2)
    monkeypatch.chdir(tmp_path)
    assert run("XE404")["weight"].tolist() == [1 / 4, 1 / 2, 1]
    assert run("XE404", "good")["weight"].tolist() == [1, 1 / 4, 1 / 2]


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_xe501_stable_form(dtype):
    logits = torch.tensor([[-104, 0]], dtype=dtype, requires_grad=True)
    loss = F.nll_loss(F.log_softmax(logits, dim=1), FIRST)
    says("XE501", "−104", -loss)
    says("XE501", "−1", torch.autograd.grad(loss, logits)[0][0, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_xe502_stable_form(dtype):
    x = torch.tensor(-100, dtype=dtype, requires_grad=True)
    says("XE502", "−100", F.logsigmoid(x))
    says("XE502", "1", torch.autograd.grad(F.logsigmoid(x), x)[0])


def test_xe503_loses_digits_before():
    assert f"{np.spacing(np.float32(1)) / 2:.0e}" == "6e-08"  # the step below 1
    assert "steps of 6e-8" in RULES["XE503"].why
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
        assert run("XE505")["softmax"](scores).tolist()[0] == pytest.approx([math.nan, 0, 0], nan_ok=True)
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


def test_every_rule_of_these_families_is_checked_here():
    named = {name[5:10].upper() for name in globals() if name.startswith("test_xe")}
    assert {code for code in RULES if code[2] in "456"} <= named
