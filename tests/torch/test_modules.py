"""The modules: skins on the functions, and what a module must survive: copies, checkpoints, devices, processes."""

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

import xent.torch  # noqa: E402
from xent import losses  # noqa: E402
from xent.mining import Hardest  # noqa: E402

cross_entropy, bce = xent.torch.cross_entropy, xent.torch.binary_cross_entropy_with_logits


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


Z, INDEX, T, WEIGHT = randn(4, 3), torch.tensor([2, -100, 0, 1]), randn(4, 3, seed=1).sigmoid(), randn(3, seed=2).exp()

#: A module, and the function that it stands for.
SOFTMAX: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[torch.Tensor], Any]]] = {
    "CrossEntropyLoss": (
        lambda: xent.torch.CrossEntropyLoss(WEIGHT, ignore_index=1, reduction="sum", label_smoothing=0.1, z_loss=0.01),
        lambda z: cross_entropy(
            z, INDEX.abs() % 3, WEIGHT, ignore_index=1, reduction="sum", label_smoothing=0.1, z_loss=0.01
        ),
    ),
    "FocalLoss": (
        lambda: xent.torch.FocalLoss(1.5, (1.0, 2.0, 3.0), label_smoothing=0.1, weight=WEIGHT, temperature=2.0),
        lambda z: cross_entropy(
            z, INDEX, WEIGHT, temperature=2.0, loss=losses.Focal(1.5, (1.0, 2.0, 3.0), label_smoothing=0.1)
        ),
    ),
    "Poly1Loss": (
        lambda: xent.torch.Poly1Loss(2.0, z_loss=0.1, mining=Hardest(0.5)),
        lambda z: cross_entropy(z, INDEX, loss=losses.Poly1(2.0, z_loss=0.1), mining=Hardest(0.5)),
    ),
    "GeneralizedCrossEntropyLoss": (
        lambda: xent.torch.GeneralizedCrossEntropyLoss(0.5, ignore_index=2, reduction="none"),
        lambda z: cross_entropy(
            z, INDEX.abs() % 3, loss=losses.GeneralizedCrossEntropy(0.5), ignore_index=2, reduction="none"
        ),
    ),
    "SymmetricCrossEntropyLoss": (
        lambda: xent.torch.SymmetricCrossEntropyLoss(0.5, 2.0, -3.0, smoothing="others", label_smoothing=0.2),
        lambda z: cross_entropy(
            z,
            INDEX,
            loss=losses.SymmetricCrossEntropy(0.5, 2.0, -3.0, smoothing="others", label_smoothing=0.2),
        ),
    ),
    "SoftmaxLoss": (
        lambda: xent.torch.SoftmaxLoss("focal(gamma=3.0)", prior=WEIGHT, prior_strength=0.5, mean="weighted"),
        lambda z: cross_entropy(z, INDEX, loss=losses.Focal(3.0), prior=WEIGHT, prior_strength=0.5),
    ),
}
SIGMOID: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[torch.Tensor], Any]]] = {
    "BCEWithLogitsLoss": (
        lambda: xent.torch.BCEWithLogitsLoss(WEIGHT, reduction="sum", pos_weight=2 * WEIGHT, label_smoothing=0.1),
        lambda z: bce(z, T, WEIGHT, reduction="sum", pos_weight=2 * WEIGHT, label_smoothing=0.1),
    ),
    "SigmoidFocalLoss": (
        lambda: xent.torch.SigmoidFocalLoss(weight=WEIGHT, softcap=4.0),
        lambda z: bce(z, T, WEIGHT, loss=losses.Focal(2.0, alpha=0.25), softcap=4.0),
    ),
    "AsymmetricLoss": (
        lambda: xent.torch.AsymmetricLoss(1.0, 3.0, 0.1, pos_weight=WEIGHT, reduction="none"),
        lambda z: bce(z, T, pos_weight=WEIGHT, loss=losses.Asymmetric(1.0, 3.0, 0.1), reduction="none"),
    ),
    "SigmoidLoss": (lambda: xent.torch.SigmoidLoss("poly1"), lambda z: bce(z, T, loss=losses.Poly1())),
}
ALL = {**SOFTMAX, **SIGMOID}
each_module = pytest.mark.parametrize("name", ALL)


def target_of(name: str) -> torch.Tensor:
    if name in SIGMOID:
        return T
    return INDEX.abs() % 3 if name in ("CrossEntropyLoss", "GeneralizedCrossEntropyLoss") else INDEX


def outcome(module: torch.nn.Module, name: str) -> list[torch.Tensor]:
    z = Z.clone().requires_grad_()
    value = module(z, target_of(name))
    return [value.detach(), *torch.autograd.grad(value.sum(), z)]


def test_every_module_is_here() -> None:
    public = {name for name in vars(xent.torch) if name.endswith("Loss")}
    assert public == set(ALL)


@each_module
def test_a_module_is_its_function(name: str) -> None:
    build, function = ALL[name]
    z = Z.clone().requires_grad_()
    value = function(z)
    torch.testing.assert_close(outcome(build(), name), [value.detach(), *torch.autograd.grad(value.sum(), z)])


@each_module
def test_a_module_knows_its_defaults(name: str) -> None:
    build = getattr(xent.torch, name)
    loss = {"SoftmaxLoss": ("cross_entropy",), "SigmoidLoss": ("cross_entropy",)}.get(name, ())
    bare, named = build(*loss), build(*loss, reduction="mean")
    torch.testing.assert_close(outcome(bare, name), outcome(named, name))


@each_module
def test_copies(name: str) -> None:
    module = ALL[name][0]()
    expected = outcome(module, name)
    stored = io.BytesIO()
    torch.save(module, stored)
    stored.seek(0)
    for copied in (copy.deepcopy(module), copy.copy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(outcome(copied, name), expected, rtol=0, atol=0)
        assert repr(copied) == repr(module)
    torch.testing.assert_close(outcome(torch.load(stored, weights_only=False), name), expected, rtol=0, atol=0)


@each_module
def test_the_state_is_the_weights(name: str) -> None:
    module = copy.deepcopy(ALL[name][0]())
    assert list(module.parameters()) == []
    state = {key: value.clone() for key, value in module.state_dict().items()}
    assert set(state) <= {"weight", "pos_weight"}  # a prior is an option
    factor = {"BCEWithLogitsLoss": 2}.get(name, 1)
    assert all(torch.equal(value, WEIGHT * (factor if key == "pos_weight" else 1)) for key, value in state.items())
    module.load_state_dict({key: value + 1 for key, value in state.items()})
    assert all(torch.equal(value, state[key] + 1) for key, value in module.state_dict().items())


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "BCEWithLogitsLoss"])
def test_a_checkpoint_of_torchs_module_fits_and_the_other_way_round(name: str) -> None:
    ours, theirs = getattr(xent.torch, name), getattr(torch.nn, name)
    mine, torchs = ours(2 * WEIGHT), theirs(3 * WEIGHT)
    mine.load_state_dict(torchs.state_dict())
    assert torch.equal(mine.weight, 3 * WEIGHT)
    torchs.load_state_dict(ours(2 * WEIGHT).state_dict())
    assert torch.equal(torchs.weight, 2 * WEIGHT)
    assert ours().state_dict() == theirs().state_dict()
    assert isinstance(mine, theirs)
    assert repr(ours(WEIGHT)) == repr(theirs(WEIGHT))


def test_a_prior_moves_with_its_module() -> None:
    module = ALL["SoftmaxLoss"][0]().double()
    assert module.prior.dtype == torch.float64
    assert module.to("meta").prior.device.type == "meta"
    expected = cross_entropy(Z.double(), INDEX, loss=losses.Focal(3.0), prior=WEIGHT.double(), prior_strength=0.5)
    torch.testing.assert_close(ALL["SoftmaxLoss"][0]().double()(Z.double(), INDEX), expected)
    assert xent.torch.SoftmaxLoss("focal", prior=[1.0, 2.0, 3.0])(Z, INDEX).isfinite()


def test_what_a_repr_says() -> None:
    said = repr(xent.torch.FocalLoss(1.5, label_smoothing=0.1, temperature=2.0, weight=WEIGHT))
    assert said == "FocalLoss('focal(label_smoothing=0.1, gamma=1.5)', temperature=2.0)"
    assert repr(xent.torch.AsymmetricLoss()) == "AsymmetricLoss('asymmetric')"
    assert repr(xent.torch.CrossEntropyLoss(z_loss=0.1)) == "CrossEntropyLoss(z_loss=0.1)"
    assert repr(xent.torch.CrossEntropyLoss()) == "CrossEntropyLoss()"


@each_module
def test_what_belongs_to_a_call(name: str) -> None:
    build, function = ALL[name]
    with pytest.raises(TypeError, match="'sample_weight': call it with that keyword"):
        getattr(xent.torch, name)(*(("focal",) if name in ("SoftmaxLoss", "SigmoidLoss") else ()), sample_weight=WEIGHT)
    weights = torch.tensor([1.0, 0.0, 2.0, 0.5])
    if build().reduction == "none":
        expected = function(Z) * (weights[:, None] if name in SIGMOID else weights)
        torch.testing.assert_close(build()(Z, target_of(name), sample_weight=weights), expected)
    elif build().reduction == "mean":
        total = build()(Z, target_of(name), normalizer=1.0)
        torch.testing.assert_close(build()(Z, target_of(name), normalizer=torch.tensor(4.0)), total / 4)
    if name in SIGMOID:
        nothing = build()(Z, T, mask=torch.zeros(4, 1, dtype=torch.bool))
        assert (nothing.isnan() | (nothing == 0)).all()


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'gama': there is no such option"):
        xent.torch.FocalLoss(gama=2.0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'prior'"):
        xent.torch.BCEWithLogitsLoss(prior=WEIGHT)
    with pytest.raises(ValueError, match="avg is not a valid value for reduction"):
        xent.torch.FocalLoss(reduction="avg")
    with pytest.raises(xent.OptionError, match="gamma must be a finite number"):
        xent.torch.FocalLoss(-1.0)
    with pytest.raises(xent.OptionError, match="logits must be sigmoid logits"):
        xent.torch.SoftmaxLoss("asymmetric")(Z, INDEX)


def test_training_goes_as_with_torchs_modules() -> None:
    steps = {}
    for name, criterion in {
        "ours": xent.torch.CrossEntropyLoss(WEIGHT),
        "theirs": torch.nn.CrossEntropyLoss(WEIGHT),
    }.items():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)).double()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        x, y, seen = randn(16, 5, seed=3).double(), torch.arange(16) % 3, []
        criterion.double()
        for _ in range(20):
            optimizer.zero_grad()
            value = criterion(model(x), y)
            value.backward()
            optimizer.step()
            seen.append(value.item())
        steps[name] = seen
    assert steps["ours"] == pytest.approx(steps["theirs"], rel=1e-9)
    assert steps["ours"][-1] < steps["ours"][0] / 2


def test_distributed_data_parallel(tmp_path: Path) -> None:
    dist = pytest.importorskip("torch.distributed")
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("torch has no gloo here")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'rendezvous'}", rank=0, world_size=1)
    try:
        model = torch.nn.Linear(5, 3)
        parallel = torch.nn.parallel.DistributedDataParallel(model)
        x = randn(4, 5, seed=3)
        xent.torch.FocalLoss(0.0)(parallel(x), INDEX).backward()
        expected = torch.autograd.grad(F.cross_entropy(model(x), INDEX), list(model.parameters()))
        torch.testing.assert_close([each.grad for each in model.parameters()], list(expected))
        del parallel  # what it keeps of the group must not be the last: freed with Python's lock held, gloo may hang
    finally:
        dist.destroy_process_group()
