"""Whole training runs: reported once a site, nothing changed, and nothing left behind."""

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import xent  # noqa: E402
import xent.torch  # noqa: E402
from xent.torch._guard import watching  # noqa: E402

G = torch.Generator().manual_seed(7)
CENTRES = 2 * torch.randn(10, 64, generator=G)
LABELS = torch.randint(10, (640,), generator=G)
DIGITS = CENTRES[LABELS] + 2 * torch.randn(640, 64, generator=G)


def network(*last: Any) -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 10), *last)


def train(model: Any, criterion: Any, epochs: int = 1, target: Callable[[Any], Any] = lambda y: y) -> list[float]:
    torch.manual_seed(1)
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=0.1), []
    for _ in range(epochs):
        for x, y in zip(DIGITS.split(32), LABELS.split(32), strict=True):
            optimizer.zero_grad()
            loss = criterion(model(x), target(y))
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


PAIRS: dict[
    str, tuple[tuple[Any, ...], Any, Any, Any]
] = {  # code: layers and criterion of the bad one, of the good one
    "XE101": ((nn.Softmax(1),), nn.CrossEntropyLoss(), (), nn.CrossEntropyLoss()),
    "XE102": ((nn.Sigmoid(),), nn.BCEWithLogitsLoss(), (), nn.BCEWithLogitsLoss()),
    "XE103": ((nn.Sigmoid(),), nn.CrossEntropyLoss(), (), nn.CrossEntropyLoss(label_smoothing=0.1)),
    "XE106": ((nn.ReLU(),), nn.CrossEntropyLoss(), (nn.LeakyReLU(),), nn.CrossEntropyLoss()),
    "XE107": ((nn.LogSoftmax(1),), nn.CrossEntropyLoss(), (nn.LogSoftmax(1),), nn.NLLLoss()),
    "XE201": ((nn.Softmax(1),), nn.NLLLoss(), (nn.LogSoftmax(1),), nn.NLLLoss()),
    "XE202": ((), nn.NLLLoss(), (nn.LogSoftmax(1),), nn.NLLLoss()),
    "XE303": ((nn.Softmax(1),), nn.BCELoss(), (nn.Sigmoid(),), nn.BCELoss()),
    "XE307": ((nn.Softmax(0),), nn.CrossEntropyLoss(), (), nn.CrossEntropyLoss()),
}


@pytest.mark.parametrize("code", PAIRS)
def test_bad_and_good_twins(code: str) -> None:
    layers, criterion, right, wanted = PAIRS[code]
    for last, loss, expected in ((layers, criterion, [code]), (right, wanted, [])):
        binary = isinstance(loss, nn.BCELoss | nn.BCEWithLogitsLoss)
        findings: list[Any] = []
        with xent.torch.guard(on_problem=findings.append):
            train(network(*last), loss, target=(lambda y: F.one_hot(y, 10).float()) if binary else lambda y: y)
        assert [finding.code for finding in findings] == expected


def test_double_softmax_stays_above_the_floor_that_is_named() -> None:
    findings: list[Any] = []
    with xent.torch.guard(on_problem=findings.append):
        losses = train(network(nn.Softmax(1)), nn.CrossEntropyLoss(), epochs=10)
    assert min(losses) > findings[0].evidence["floor"] == pytest.approx(1.4611501717344)
    assert min(train(network(), nn.CrossEntropyLoss(), epochs=10)) < 0.5


@pytest.mark.parametrize("last", [(), (nn.Softmax(1),)])
def test_nothing_changes(last: tuple[Any, ...]) -> None:
    """Losses, parameters, gradients and random numbers are the same to the last bit."""
    plain = network(*last)
    expected, state = train(plain, F.cross_entropy), torch.get_rng_state()
    watched = network(*last)
    with xent.torch.guard(on_problem=lambda finding: None, calls=1000):
        assert train(watched, F.cross_entropy) == expected
    assert torch.equal(torch.get_rng_state(), state)
    for ours, theirs in zip(watched.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert torch.equal(ours.grad, theirs.grad)


def test_once_a_site_and_once_a_code() -> None:
    model = network(nn.Softmax(1))
    findings: list[Any] = []
    with xent.torch.guard(on_problem=findings.append):
        for _ in range(5):
            F.cross_entropy(model(DIGITS[:32]), LABELS[:32])
            F.cross_entropy(model(DIGITS[:32]), LABELS[:32]); F.nll_loss(model(DIGITS[:32]), LABELS[:32])  # fmt: skip # noqa: E702
    assert [finding.code for finding in findings] == ["XE101", "XE101", "XE201"]
    first, second, third = (finding.site for finding in findings)
    assert second.line == first.line + 1 == third.line
    assert first.path == __file__
    assert first.function == "test_once_a_site_and_once_a_code"
    assert first.caller is None


def test_hooks_go_when_enough_was_seen() -> None:
    """After so many calls without anything new nothing is left, though the context is still open."""
    builtin = torch._C._nn.cross_entropy_loss
    logits = torch.randn(4, 3, requires_grad=True)
    with xent.torch.guard(calls=2) as guard:
        for made in range(2 + watching._PATIENCE):
            assert guard.active
            assert torch._C._nn.cross_entropy_loss is not builtin, made
            F.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
        assert not guard.active
        assert torch._C._nn.cross_entropy_loss is builtin
        F.cross_entropy(logits.softmax(1), torch.tensor([0, 1, 2, 0]))
    assert guard.findings == ()


def test_a_later_line_is_looked_at_while_it_watches() -> None:
    model = network()
    with xent.torch.guard(on_problem=lambda finding: None) as guard:
        train(model, F.cross_entropy)
        assert guard.active
        F.cross_entropy(model(DIGITS).softmax(1), LABELS)
    assert [finding.code for finding in guard.findings] == ["XE101"]


# --- a module, a criterion --------------------------------------------------------------------------------------------


class WithLoss(nn.Module):
    """As Hugging Face's models are: the loss is computed inside."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network(nn.Softmax(1))

    def forward(self, x: Any, y: Any) -> Any:
        return F.cross_entropy(self.net(x), y)


def hooks(module: Any) -> int:
    return sum(len(each) for each in (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks))


def test_around_a_model() -> None:
    model, other = network(nn.Softmax(1)), network(nn.Softmax(1))
    with xent.torch.guard(model, on_problem=lambda finding: None) as guard:
        F.cross_entropy(other(DIGITS), LABELS)
        assert guard.findings == ()
        model.eval()
        F.cross_entropy(model(DIGITS), LABELS)
        assert guard.findings == ()
        model.train()
        F.cross_entropy(model(DIGITS), LABELS)
        assert [finding.code for finding in guard.findings] == ["XE101"]
        assert hooks(model) == 2
    assert hooks(model) == hooks(other) == 0


def test_around_a_model_that_computes_its_loss() -> None:
    model = WithLoss()
    with xent.torch.guard(model, on_problem=lambda finding: None) as guard:
        model(DIGITS, LABELS).backward()
    assert [finding.site.function for finding in guard.findings] == ["forward"]
    assert hooks(model) == 0


def test_around_a_criterion() -> None:
    criterion, other = nn.CrossEntropyLoss(), nn.CrossEntropyLoss()
    probs = network(nn.Softmax(1))(DIGITS)
    with xent.torch.guard(criterion, on_problem=lambda finding: None) as guard:
        other(probs, LABELS)
        assert guard.findings == ()
        with pytest.raises(IndexError):
            criterion(probs, LABELS + 5)
        other(probs, LABELS)
        assert len(guard.findings) == 1  # of the call that failed, and not of the other's
        criterion(probs, LABELS)
    assert len(guard.findings) == 2
    assert hooks(criterion) == 0


# --- what becomes of a finding ----------------------------------------------------------------------------------------


def test_warning() -> None:
    probs = network(nn.Softmax(1))(DIGITS)
    with xent.torch.guard(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(5):
            F.cross_entropy(probs, LABELS)
    (warned,) = caught
    assert warned.category is xent.torch.LossWarning
    assert warned.filename == __file__
    assert isinstance(warned.message, xent.torch.LossWarning)
    assert warned.message.finding.site.line == warned.lineno
    assert str(warned.message).splitlines()[0] == (
        "cross_entropy: input must be logits; got probabilities, the result of a softmax [XE101]"
    )
    assert [line.partition(":")[0] for line in str(warned.message).splitlines()[2:]] == ["at", "seen", "why", "hint"]


def test_error() -> None:
    probs = network(nn.Softmax(1))(DIGITS)
    with xent.torch.guard(on_problem="raise"), pytest.raises(xent.torch.LossError, match="XE101") as caught:
        F.cross_entropy(probs, LABELS)
    error = caught.value
    assert isinstance(error, xent.XentError)
    assert isinstance(error, ValueError)
    assert error.finding.code == "XE101"
    assert error.function == "cross_entropy"
    assert error.hint == error.finding.do
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.finding == error.finding


def test_an_error_in_the_gradients() -> None:
    z = torch.full((8,), -300.0, requires_grad=True)
    with xent.torch.guard(on_problem="raise"):
        loss = F.binary_cross_entropy((1 * z).sigmoid(), torch.ones(8))
        with pytest.raises(xent.torch.LossError, match="XG005"):
            loss.backward()


def test_codes_can_be_left_out() -> None:
    probs = network(nn.Softmax(1))(DIGITS)
    with xent.torch.guard(on_problem="raise", ignore=["XE101"]) as guard:
        F.cross_entropy(probs, LABELS)
    assert guard.findings == ()


def test_a_fault_of_the_guard_does_not_stop_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(look: Any) -> Any:
        raise RuntimeError("a fault")

    monkeypatch.setattr(watching, "_RULES", (broken,))
    plain = train(network(), F.cross_entropy)
    with xent.torch.guard(on_problem="raise") as guard:
        assert train(network(), F.cross_entropy) == plain
        assert not guard.active


INDEX = torch.arange(8) % 3
SHAPES: dict[str, tuple[Callable[..., Any], tuple[int, ...], Any]] = {
    "one row": (F.cross_entropy, (3,), torch.tensor(1)),
    "one row, probabilities": (F.cross_entropy, (3,), torch.tensor([0.2, 0.3, 0.5])),
    "bytes": (F.cross_entropy, (8, 3), INDEX.to(torch.uint8)),
    "five axes": (F.cross_entropy, (2, 3, 2, 2, 2), (torch.arange(16) % 3).view(2, 2, 2, 2)),
    "no rows": (F.cross_entropy, (0, 3), INDEX[:0]),
    "weights": (lambda z, y: F.cross_entropy(z, y, weight=torch.tensor([1.0, 2.0, 0.0])), (8, 3), INDEX),
    "ignored": (lambda z, y: F.cross_entropy(z, y, ignore_index=1, reduction="none"), (8, 3), INDEX),
    "nll, one row": (lambda z, y: F.nll_loss(z.log_softmax(0), y), (3,), torch.tensor(1)),
    "nll, image": (lambda z, y: F.nll_loss(z.log_softmax(1), y), (2, 3, 2, 2), INDEX.view(2, 2, 2)),
    "binary, a number": (F.binary_cross_entropy_with_logits, (1,), torch.ones(1)),
    "binary, no axis": (F.binary_cross_entropy_with_logits, (), torch.ones(())),
    "binary, nothing": (F.binary_cross_entropy_with_logits, (0,), torch.ones(0)),
    "kl, one row": (lambda z, y: F.kl_div(z.log_softmax(0), y, reduction="sum"), (3,), torch.tensor([0.2, 0.3, 0.5])),
    "xent, options": (
        lambda z, y: xent.torch.cross_entropy(
            z, y, weight=torch.ones(3), sample_weight=torch.ones(8), z_loss=0.1, prior=[1, 2, 3], return_stats=True
        )[0],
        (8, 3),
        INDEX,
    ),
    "xent, lists": (lambda z, y: xent.cross_entropy(z, y, axis=0, weight=[1.0, 2.0, 3.0]), (3, 8), INDEX),
    "xent, a list as target": (lambda z, y: xent.cross_entropy(z, y), (3, 3), [0, 1, 2]),
    "xent, binary": (
        lambda z, y: xent.torch.binary_cross_entropy_with_logits(z, y, mask=y > 0, label_smoothing=0.1),
        (8,),
        INDEX.clamp(max=1).float(),
    ),
    "xent, ignored": (
        lambda z, y: xent.binary_cross_entropy(z, y, ignore_index=-1),
        (8,),
        torch.tensor([0.0, 1.0, -1.0, 1.0] * 2),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_looked_at_and_left_alone(name: str, dtype: Any) -> None:
    loss, shape, target = SHAPES[name]
    if isinstance(target, torch.Tensor) and target.is_floating_point():
        target = target.to(dtype)
    z = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    if name in ("weights", "xent, options") and dtype != torch.float32:
        return  # torch wants one dtype
    expected = loss(1 * z, target)
    with xent.torch.guard(on_problem="raise") as guard:
        value = loss(1 * z, target)
    assert torch.equal(value.nan_to_num(7.0), expected.nan_to_num(7.0))
    assert guard.findings == ()
    nothing_to_see = z.numel() == 0 or z.dim() == 0 or isinstance(target, list)
    assert len(guard._sites) == (not nothing_to_see)


def test_one_row() -> None:
    row = torch.tensor([0.1, -2.0, 1.5], requires_grad=True)
    with xent.torch.guard(on_problem=lambda finding: None) as guard:
        F.cross_entropy(row.softmax(0), torch.tensor(1))
        F.cross_entropy(row * float("nan"), torch.tensor(1))
        F.binary_cross_entropy_with_logits((row * float("nan"))[0], torch.tensor(1.0))
    assert [finding.code for finding in guard.findings] == ["XE101", "XG001"]  # no axis, no row


def test_a_library_names_its_caller_too(tmp_path: Any) -> None:
    path = tmp_path / "site-packages" / "library.py"
    room: dict[str, Any] = {"F": F}
    exec(compile("def loss(z, y):\n    return F.cross_entropy(z, y)\n", str(path), "exec"), room)
    with xent.torch.guard(on_problem=lambda finding: None) as guard:
        room["loss"](network(nn.Softmax(1))(DIGITS), LABELS)
    site = guard.findings[0].site
    assert (site.path, site.line, site.function) == (str(path), 2, "loss")
    assert (site.caller.path, site.caller.function) == (__file__, "test_a_library_names_its_caller_too")
    assert f"called from {__file__}" in str(guard.findings[0])


@pytest.mark.parametrize("package", [torch, xent])
def test_a_package_of_a_longer_name_is_no_part_of_it(package: Any) -> None:
    """Such as torchvision."""
    path = package.__path__[0] + "vision/ops.py"
    room: dict[str, Any] = {"F": F}
    exec(compile("def loss(z, y):\n    return F.cross_entropy(z, y)\n", path, "exec"), room)
    with xent.torch.guard(on_problem=lambda finding: None) as guard:
        room["loss"](network(nn.Softmax(1))(DIGITS), LABELS)
    assert guard.findings[0].site.path == path


def test_wrong_options() -> None:
    for options, message in (
        ({"calls": 0}, "calls must be a whole number of 1 or more; got 0"),
        ({"calls": True}, "calls must be a whole number of 1 or more; got True"),
        ({"on_problem": "print"}, 'on_problem must be "warn", "raise" or a function of a finding; got \'print\''),
        ({"ignore": "XE101"}, "ignore must be a collection of codes; got 'XE101'"),
        ({"ignore": 101}, "ignore must be a collection of codes; got 101"),
        ({"ignore": ["XE4"]}, "ignore must hold whole codes; got 'XE4'"),
        ({"module": F.cross_entropy}, "module must be a torch.nn.Module; got <function cross_entropy"),
    ):
        with pytest.raises(xent.OptionError, match="^guard: " + message):
            xent.torch.guard(**options)
        for callback in (xent.torch.LightningGuard, xent.torch.TransformersGuard):  # not only when training starts
            if "module" not in options:
                with pytest.raises(xent.OptionError, match=f"^{callback.__name__}: {message}"):
                    callback(**options)


def test_what_it_shows_at_the_prompt() -> None:
    with xent.torch.guard(on_problem=lambda finding: None) as guard:
        assert repr(guard) == "<Guard: active, nothing found>"
        F.cross_entropy(network(nn.Softmax(1))(DIGITS), LABELS)
    assert repr(guard) == "<Guard: done, XE101>"


def test_decisions_are_counted_by_entry() -> None:
    """A target of a binary loss has no rows."""
    scores = network()(DIGITS)[:, 0]
    decided = (scores > scores.median()).float()
    with xent.torch.guard(on_problem=lambda finding: None) as guard:
        F.binary_cross_entropy_with_logits(decided, decided)
    (finding,) = guard.findings
    assert (finding.code, finding.seen.split()[0]) == ("XE306", str(len(decided)))


def test_two_guards_and_any_order_of_stopping() -> None:
    probs = network(nn.Softmax(1))(DIGITS)
    first = xent.torch.guard(on_problem=lambda finding: None)
    second = xent.torch.guard(on_problem=lambda finding: None)
    first.stop()
    F.cross_entropy(probs, LABELS)
    second.stop()
    second.stop()
    assert (len(first.findings), len(second.findings)) == (0, 1)


def test_torchs_own_messages_stay() -> None:
    with xent.torch.guard(), pytest.raises(ValueError, match="Expected input batch_size"):
        F.cross_entropy(torch.randn(4, 3), torch.tensor([0, 1]))
    with xent.torch.guard(), pytest.raises(TypeError, match="argument 'target'"):
        F.cross_entropy(torch.randn(4, 3), None)


def test_a_graph_is_not_kept() -> None:
    import weakref

    with xent.torch.guard(on_problem=lambda finding: None):
        out = network(nn.Softmax(1))(DIGITS)
        F.cross_entropy(out, LABELS)
        kept = weakref.ref(out)
        del out
        assert kept() is None
