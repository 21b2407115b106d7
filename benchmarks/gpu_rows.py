"""The Triton kernels on a GPU, forward and backward of cross-entropy: the time against that of a copy of the logits.

Against torch eager, torch.compile and Liger-Kernel (where it is installed). Every contestant returns the gradient,
which is compared with float64 before anything is timed.

python benchmarks/gpu_rows.py
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
from collections.abc import Callable, Mapping

from _timing import print_table, ratio, write_json

SHAPES = ((65536, 10), (8192, 1000), (2048, 32000), (1024, 128_256), (8, 21, 512, 512))  # classes on axis 1
ROUNDS = 30
CHECKED = 256  # rows


def missing() -> str | None:
    """Return what is not there and has to be."""
    for module in ("torch", "triton"):
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    import torch

    return None if torch.cuda.is_available() else "there is no GPU"


def contestants(logits, target) -> dict[str, Callable[[], object]]:
    """Return who takes part, each as a function that returns the gradient of the mean loss."""
    import torch
    import torch.nn.functional as F

    from xent.kernels import triton as kernels

    rows, labels = logits.movedim(1, -1), target.flatten()
    each = torch.full((), 1.0 / labels.numel(), device=logits.device).expand(labels.numel())

    def two_kernels():
        stats = kernels.row_stats(rows, labels)
        (stats.log_sum - stats.target_logit).mean()
        return kernels.row_grad(rows, each, -each, labels, stats=stats).movedim(-1, 1)

    def one_kernel():
        stats, grad = kernels.row_stats_and_grad(rows, each, -each, labels)
        (stats.log_sum - stats.target_logit).mean()
        return grad.movedim(-1, 1)

    leaf = logits.clone().requires_grad_()

    def torch_eager():
        return torch.autograd.grad(F.cross_entropy(leaf, target), leaf)[0]

    torch.compiler.reset()  # every shape gets code of its own, not the code of any shape
    compiled = torch.compile(F.cross_entropy, fullgraph=True)

    def torch_compile():
        return torch.autograd.grad(compiled(leaf, target), leaf)[0]

    found = {
        "copy": lambda: torch.empty_like(logits).copy_(logits),
        "xent, one kernel": one_kernel,
        "xent, two kernels": two_kernels,
        "torch eager": torch_eager,
        "torch.compile": torch_compile,
    }
    if importlib.util.find_spec("liger_kernel") is not None and logits.ndim == 2:
        from liger_kernel.transformers.functional import liger_cross_entropy

        def liger():
            own = logits.clone().requires_grad_()  # it overwrites them, so the clone is part of a fair comparison
            return torch.autograd.grad(liger_cross_entropy(own, target), own)[0]

        in_place = logits.clone().requires_grad_()

        def liger_in_place():
            return torch.autograd.grad(liger_cross_entropy(in_place, target), in_place)[0]

        found |= {"liger": liger, "liger, in place": liger_in_place}
    return found


def error(run: Callable[[], object], logits, target) -> float:
    """Return ‖gradient - truth‖ / ‖truth‖ over the first rows."""
    import torch

    gradient = run().movedim(1, -1).flatten(0, -2)[:CHECKED].double()
    first = logits.movedim(1, -1).flatten(0, -2)[:CHECKED].double()
    truth = torch.softmax(first, dim=1)
    truth[torch.arange(len(first)), target.flatten()[:CHECKED]] -= 1.0
    truth /= target.numel()
    return float((gradient - truth).norm() / truth.norm())


def device_milliseconds(runs: Mapping[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return what each took in each round on the device, taking turns, with the L2 cache emptied before each."""
    import torch

    flush = torch.empty(1 << 28, dtype=torch.int8, device="cuda")
    events = {name: [] for name in runs}
    for round_ in range(ROUNDS + 3):
        for name, run in runs.items():
            flush.zero_()
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            if round_ >= 3:  # the first ones warm up
                events[name].append((begin, end))
    torch.cuda.synchronize()
    return {name: [begin.elapsed_time(end) for begin, end in pairs] for name, pairs in events.items()}


def main() -> None:
    """Time every contestant on every shape; print a table and write it down."""
    if (problem := missing()) is not None:
        print(f"gpu_rows: nothing to measure, {problem}", file=sys.stderr)
        return
    import torch
    import triton

    rows = []
    for shape in SHAPES:
        for dtype in (torch.float32, torch.bfloat16):
            torch.manual_seed(0)
            logits = 4.0 * torch.randn(shape, device="cuda")
            logits = logits.to(dtype)
            target = torch.randint(shape[1], (shape[0], *shape[2:]), device="cuda")
            runs = contestants(logits, target)
            # Once: what works in place is right only the first time
            errors = {name: error(run, logits, target) for name, run in runs.items() if name != "copy"}
            milliseconds = device_milliseconds(runs)
            copy = statistics.median(milliseconds["copy"])
            for name in runs:
                rows.append(
                    {
                        "shape": "x".join(map(str, shape)),
                        "dtype": str(dtype).removeprefix("torch."),
                        "contestant": name,
                        "ms": statistics.median(milliseconds[name]),
                        "ms/copy": ratio(milliseconds, name, "copy"),
                        "of copy bandwidth": copy / statistics.median(milliseconds[name]),
                        "error": errors.get(name, ""),
                    }
                )
            print(f"{'x'.join(map(str, shape))} {dtype}", file=sys.stderr)
            del logits, target, runs
            torch.cuda.empty_cache()
    print_table(rows)
    facts = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "triton": triton.__version__}
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    print(write_json("gpu_rows", rows, **facts))


if __name__ == "__main__":
    main()
