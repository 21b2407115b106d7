"""What a call costs where there is next to nothing to compute: the losses of 32 × 10 logits, in one thread.

"gradient" is forward and ``torch.autograd.grad``, "module" the loss's module and ``.backward()``, "value" the forward
pass alone under ``no_grad``. Where the library has no bfloat16 or no such call, its column is empty.

python benchmarks/small_losses.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
from collections.abc import Callable

from _timing import interleave, print_table, ratio, write_json

SHAPE = (32, 10)
CALLS = 200  # a turn
LOSSES = ("Plain", "SmoothingAndWeights", "Focal", "Soft", "SigmoidFocal")
PEERS = ("eager", "compile", "jax", "numpy")


def gradients(loss, tensors) -> dict[str, Callable[[], object]]:
    """Return who computes value and gradient."""
    import _losses

    runs = {}
    for name, make in _losses.contestants(loss, tensors).items():
        try:
            run = make()
            run()
            runs[name] = run
        except Exception as problem:  # whatever it is, the others can still be timed
            if name == "ours":
                raise
            print(f"left out: {name} of {loss.__name__}, {_losses.reason(problem)}", file=sys.stderr)
    return runs


def values(loss, tensors) -> dict[str, Callable[[], object]]:
    """Return who computes the value alone."""
    import torch

    def without_gradient(function):
        def run():
            with torch.no_grad():
                return function(*tensors)

        return run

    return {"ours": without_gradient(loss.ours), "eager": without_gradient(loss.eager)}


def modules(tensors) -> dict[str, Callable[[], object]]:
    """Return the two modules of cross-entropy, called as a training loop does."""
    import torch

    import xent.torch

    def trained(criterion):
        leaf = tensors[0].detach().requires_grad_()

        def run():
            leaf.grad = None
            criterion(leaf, tensors[1]).backward()

        return run

    return {"ours": trained(xent.torch.CrossEntropyLoss()), "eager": trained(torch.nn.CrossEntropyLoss())}


def repeated(run: Callable[[], object]) -> Callable[[], None]:
    """Return a function that makes all the calls of a turn."""

    def runs() -> None:
        for _ in range(CALLS):
            run()

    return runs


def main() -> None:
    """Time every way of calling; print a table and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    if importlib.util.find_spec("torch") is None:
        print("small_losses: nothing to measure, torch is not installed", file=sys.stderr)
        return
    import _losses
    import torch

    torch.set_num_threads(1)
    rows = []
    for name in LOSSES:
        loss = getattr(_losses, name)
        for dtype in (torch.float32, torch.bfloat16):
            tensors = _losses.drawn(SHAPE, dtype, loss)
            ways = {"gradient": gradients(loss, tensors), "value": values(loss, tensors)}
            if name == "Plain":
                ways["module"] = modules(tensors)
            for way, runs in ways.items():
                seconds = interleave({who: repeated(run) for who, run in runs.items()}, rounds=rounds)
                rows.append(
                    {
                        "loss": name,
                        "dtype": str(dtype).removeprefix("torch."),
                        "way": way,
                        "ours µs": 1e6 * statistics.median(seconds["ours"]) / CALLS,
                        **{f"{peer}/ours": ratio(seconds, peer, "ours") if peer in runs else "" for peer in PEERS},
                        "ours_numpy/ours": ratio(seconds, "ours_numpy", "ours") if "ours_numpy" in runs else "",
                    }
                )
            print(f"{name} {dtype}", file=sys.stderr)
    print_table(rows)
    print(write_json("small_losses", rows, calls=CALLS, torch=torch.__version__))


if __name__ == "__main__":
    main()
