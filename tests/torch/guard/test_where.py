"""Wherever training runs: autocast, compiled, checkpointed, transformed, scripted, distributed, with xent installed."""

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import xent.torch  # noqa: E402

G = torch.Generator().manual_seed(3)
X, Y = torch.randn(16, 8, generator=G), torch.arange(16) % 5


class Net(nn.Module):
    def __init__(self, bad: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head, self.bad = nn.Linear(8, 5), bad

    def forward(self, x: Any) -> Any:
        z = self.head(x)
        return z.softmax(1) if self.bad else z


def steps(model: Any, criterion: Any = F.cross_entropy) -> Callable[[], None]:
    def run() -> None:
        for _ in range(4):
            criterion(model(X), Y).backward()

    return run


both = pytest.mark.parametrize("bad", [True, False])


def expected(bad: bool) -> list[str]:
    return ["XE101"] if bad else []


def codes(findings: list[Any]) -> list[str]:
    return [finding.code for finding in findings]


# --- torch.compile ----------------------------------------------------------------------------------------------------


@pytest.fixture
def dynamo() -> Iterator[Any]:
    """A compiler that neither compiles twice nor leaves a piece of the graph out."""
    from torch import _dynamo

    _dynamo.reset()
    with _dynamo.config.patch(error_on_recompile=True):
        yield lambda run: torch.compile(run, fullgraph=True, backend="aot_eager")
    _dynamo.reset()


@both
@pytest.mark.parametrize("before", [True, False])
def test_compiled_model(bad: bool, before: bool, dynamo: Any, found: Any) -> None:
    run = steps(dynamo(Net(bad)))
    if before:
        run()
    assert codes(found(run)) == expected(bad)
    run()


@both
@pytest.mark.parametrize("before", [True, False])
def test_compiled_loss_is_passed_over(bad: bool, before: bool, dynamo: Any, found: Any) -> None:
    net = Net(bad)
    step = dynamo(lambda x, y: F.cross_entropy(net(x), y))

    def run() -> None:
        for _ in range(4):
            step(X, Y).backward()

    if before:
        run()
    assert codes(found(run)) == []
    run()


@both
@pytest.mark.parametrize("how", ["wrapped", "inside", "in place"])
def test_around_a_compiled_model(bad: bool, how: str, dynamo: Any, found: Any) -> None:
    net = Net(bad)
    run = steps(dynamo(net))
    if how == "in place":
        net = Net(bad)
        net.compile(fullgraph=True, backend="aot_eager")
        run = steps(net)
    elif how == "wrapped":
        net = dynamo(net)
        run = steps(net)
    run()
    # A hook of the module within the compiled one does not run: nothing is seen, and nothing is compiled anew.
    assert codes(found(run, module=net)) in (expected(bad), [])
    run()


def test_compiled_operator_is_passed_over(dynamo: Any, found: Any) -> None:
    """Of which nobody made one node."""
    step = dynamo(lambda z, p: torch.kl_div(z, p, 2) + torch.binary_cross_entropy_with_logits(z, p, None, None, 2))
    logits, probs = Net(False)(X).detach(), Net(True)(X).detach()
    values: list[float] = []
    assert codes(found(lambda: values.append(step(logits, probs).item()))) == []
    plain = F.kl_div(logits, probs, reduction="sum") + F.binary_cross_entropy_with_logits(
        logits, probs, reduction="sum"
    )
    assert values == [pytest.approx(plain.item())]


@both
def test_compiled_xent_gives_the_same(bad: bool, found: Any) -> None:
    from torch import _dynamo

    _dynamo.reset()
    net = Net(bad)
    step = torch.compile(lambda x, y: xent.torch.cross_entropy(net(x), y), fullgraph=True, backend="aot_eager")
    values: list[float] = []
    assert codes(found(lambda: values.append(step(X, Y).item()))) == []
    assert values == [pytest.approx(step(X, Y).item())]
    _dynamo.reset()


# --- other ways to run ------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints(bad: bool, reentrant: bool, found: Any) -> None:
    from torch.utils.checkpoint import checkpoint

    runs = []
    net = Net(bad)
    net.head.register_forward_pre_hook(lambda *_: runs.append(1))
    x = X.clone().requires_grad_()
    loss = lambda: F.cross_entropy(checkpoint(net, x, use_reentrant=reentrant), Y)  # noqa: E731
    assert codes(found(loss)) == expected(bad)
    assert len(runs) == 2  # forward, and once again in backward


@both
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(bad: bool, dtype: Any, found: Any) -> None:
    with torch.autocast("cpu", dtype=dtype):
        assert codes(found(steps(Net(bad)))) == expected(bad)
        assert codes(found(steps(Net(bad), nn.CrossEntropyLoss()))) == expected(bad)
        with torch.no_grad():
            assert codes(found(lambda: F.cross_entropy(Net(bad)(X), Y))) == expected(bad)


@both
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_dtypes(bad: bool, dtype: Any, found: Any) -> None:
    net = Net(bad).to(dtype)
    assert codes(found(lambda: F.cross_entropy(net(X.to(dtype)), Y))) == expected(bad)
    with torch.no_grad():
        assert codes(found(lambda: F.cross_entropy(net(X.to(dtype)), Y))) == expected(bad)


@both
def test_inference_mode(bad: bool, found: Any) -> None:
    with torch.inference_mode():
        assert codes(found(lambda: F.cross_entropy(Net(bad)(X), Y))) == expected(bad)


def test_transforms_are_passed_over(found: Any) -> None:
    from torch.func import functional_call, grad, vmap

    net = Net(True)
    parameters = dict(net.named_parameters())
    of = grad(lambda p: F.cross_entropy(functional_call(net, p, X), Y))
    wanted = of(parameters)
    seen: list[Any] = []
    assert codes(found(lambda: seen.append(of(parameters)))) == []
    assert all(torch.equal(seen[0][name], wanted[name]) for name in wanted)
    assert codes(found(lambda: vmap(lambda z, y: F.cross_entropy(z[None], y[None]))(net(X), Y))) == []


def test_scripts_and_traces(found: Any) -> None:
    from torch.fx.experimental.proxy_tensor import make_fx

    logits, probs = Net(False)(X).detach(), Net(False)(X).detach().softmax(1)
    inputs = {
        nn.CrossEntropyLoss: (logits, Y),
        nn.NLLLoss: (logits.log_softmax(1), Y),
        nn.BCELoss: (probs, probs),
        nn.BCEWithLogitsLoss: (logits, probs),
        nn.KLDivLoss: (logits.log_softmax(1), probs),
    }
    made: list[Any] = []

    def run() -> None:
        for loss, arguments in inputs.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made.append((torch.jit.script(loss(reduction="sum")), loss(reduction="sum"), arguments))
                made.append((torch.jit.trace(loss(reduction="sum"), arguments), made[-1][1], arguments))
            made.append((make_fx(loss(reduction="sum"))(*arguments), made[-1][1], arguments))

    assert codes(found(run)) == []
    for ours, theirs, arguments in made:
        assert ours(*arguments).item() == pytest.approx(theirs(*arguments).item())


@both
def test_default_device_and_other_modes(bad: bool, found: Any) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    torch.set_default_device("cpu")
    try:
        assert codes(found(steps(Net(bad)))) == expected(bad)
    finally:
        torch.set_default_device(None)
    with FlopCounterMode(display=False) as plain:
        steps(Net(bad))()
    with FlopCounterMode(display=False) as counted:
        assert codes(found(steps(Net(bad)))) == []  # the guard does not count as the model's work
    assert counted.get_total_flops() == plain.get_total_flops()


def test_subclasses_are_passed_over(found: Any) -> None:
    class Named(torch.Tensor):
        pass

    assert codes(found(lambda: F.cross_entropy(Net(True)(X).detach().as_subclass(Named), Y))) == []


@both
def test_double_backward(bad: bool, found: Any) -> None:
    def penalty() -> None:
        x = X.clone().requires_grad_()
        loss = F.cross_entropy(Net(bad)(x), Y)
        (slope,) = torch.autograd.grad(loss, x, create_graph=True)
        (loss + slope.square().sum()).backward()

    assert codes(found(penalty)) == expected(bad)


# --- xent.torch.install() ---------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    "criterion", [lambda *a: F.cross_entropy(*a), nn.CrossEntropyLoss(), xent.torch.CrossEntropyLoss()]
)
def test_installed(bad: bool, criterion: Any, found: Any) -> None:
    with xent.torch.install():
        assert codes(found(steps(Net(bad), criterion))) == expected(bad)


def test_installed_and_undone_in_any_order() -> None:
    theirs = F.cross_entropy
    installed, guard = xent.torch.install(), xent.torch.guard()
    installed.undo()
    guard.stop()
    assert F.cross_entropy is theirs
    guard, installed = xent.torch.guard(), xent.torch.install()
    guard.stop()
    installed.undo()
    assert F.cross_entropy is theirs


# --- processes --------------------------------------------------------------------------------------------------------


# A process leaves without taking gloo down, in which torch may wait for ever for a thread that waits for Python.
WORKER = """
import os, sys, warnings
import torch, torch.distributed as dist, torch.nn as nn, torch.nn.functional as F
import xent.torch

path, rank = sys.argv[1], int(sys.argv[2])
dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
torch.manual_seed(rank)
x, y = torch.randn(16, 8), torch.arange(16) % 5
for net in (nn.Sequential(nn.Linear(8, 5), nn.Softmax(1)), nn.Linear(8, 5)):
    model = nn.parallel.DistributedDataParallel(net)
    for module in (None, model):
        with warnings.catch_warnings(record=True) as caught, xent.torch.guard(module) as guard:
            warnings.simplefilter("always")
            for _ in range(4):
                F.cross_entropy(model(x), y).backward()
        warned = sum(each.category is xent.torch.LossWarning for each in caught)
        print([finding.code for finding in guard.findings], warned, len(model._forward_hooks), flush=True)
dist.barrier()
os._exit(0)
"""


def test_distributed_data_parallel(tmp_path: Path) -> None:
    dist = pytest.importorskip("torch.distributed")
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("torch has no gloo here")
    command = [sys.executable, "-c", WORKER, str(tmp_path / "rendezvous")]
    workers = [subprocess.Popen([*command, rank], stdout=subprocess.PIPE, text=True) for rank in "01"]
    try:
        said = [worker.communicate(timeout=100)[0].splitlines() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    # What the graph shows is the same in all processes, and warned of in the first.
    assert said[0] == ["['XE101'] 1 0"] * 2 + ["[] 0 0"] * 2
    assert said[1] == ["['XE101'] 0 0"] * 2 + ["[] 0 0"] * 2


def test_what_the_graph_shows_is_warned_of_in_the_first_process_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from xent.torch._guard import watching

    monkeypatch.setattr(watching, "_rank", lambda: 1)
    with xent.torch.guard() as guard:  # where warnings are errors
        F.cross_entropy(Net(True)(X), Y)
        with pytest.warns(xent.torch.LossWarning, match="XG002"):
            F.cross_entropy(Net(False)(X), torch.full((16,), -100))
    assert codes(list(guard.findings)) == ["XE101", "XG002"]


def test_threads(found: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def run() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: steps(Net(True))(), range(8)))

    assert codes(found(run)) == ["XE101"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@both
def test_cuda(bad: bool, found: Any) -> None:
    net, x, y = Net(bad).cuda(), X.cuda(), Y.cuda()
    assert codes(found(lambda: F.cross_entropy(net(x), y))) == expected(bad)
    assert codes(found(lambda: F.nll_loss(net(x).log_softmax(1), y))) == []
    graph, held = torch.cuda.CUDAGraph(), torch.randn(4, 5, device="cuda")
    with xent.torch.guard(on_problem="raise"), torch.cuda.graph(graph):
        F.cross_entropy(held.softmax(1), y[:4])  # captured, and so not looked at
