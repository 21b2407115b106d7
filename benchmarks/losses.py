"""Forward and backward of the losses against all who compute the same, and against a copy of the logits.

Against torch eager, torch.compile, JAX with optax under jit, and a formula in NumPy and SciPy, all taking turns in one
process, one process for each number of threads (JAX takes as many as the process has cores). Every contestant returns
value and gradient, which are compared with torch's in float64 before anything is timed. NumPy has no bfloat16.

``clone`` copies the logits into fresh memory, where a gradient has to go; ``copy`` into memory that was written before.

python benchmarks/losses.py [threads …] [--case NAME …] [--dtype DTYPE …] [--rounds 15]
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from _timing import interleave, print_table, ratio, write_json

CASES = {
    "65536x10": ("Plain", (65536, 10)),
    "8192x1000": ("Plain", (8192, 1000)),
    "2048x32000": ("Plain", (2048, 32_000)),
    "1024x128256": ("Plain", (1024, 128_256)),
    "segmentation": ("Segmentation", (8, 21, 512, 512)),
    "sigmoid_focal": ("SigmoidFocal", (65536, 80)),
    "smoothing_weights": ("SmoothingAndWeights", (8192, 1000)),
    "focal": ("Focal", (8192, 1000)),
    "soft": ("Soft", (8192, 1000)),
}
#: The error of value and gradient that still counts as right: torch's reaches 2e-5, optax's 0.07 in bfloat16.
DTYPES = {"float32": 1e-4, "bfloat16": 0.1}
#: The same of ours: twice what the steps of a bfloat16 come to.
OURS = {"float32": 1e-4, "bfloat16": 0.01}
PEERS = ("eager", "compile", "jax", "numpy")
#: Peers that are also held against ours on arrays of their own.
FACES = {"jax": "ours_jax", "numpy": "ours_numpy"}
LIMITS = ("clone", "copy")
#: Seconds of rest before each turn: threads that spin after their work would take the cores of the next contestant.
REST = 0.01


# --- one process, one number of threads -------------------------------------------------------------------------------


def contestants(case: str, dtype: str) -> tuple[dict[str, Callable[[], object]], dict[str, float], dict[str, str]]:
    """Return who takes part, each as a function that returns value and gradient; errors; who is left out, and why."""
    import _losses
    import torch

    name, shape = CASES[case]
    loss = getattr(_losses, name)
    tensors = _losses.drawn(shape, getattr(torch, dtype), loss)
    wide = [each.double() if each.is_floating_point() else each for each in tensors]
    value, grad = _losses.of_torch(loss.eager, *wide)()
    truth = float(value), grad.float()
    del wide, value, grad

    runs: dict[str, Callable[[], object]] = {}
    errors, left_out = {}, {}
    for contestant, made in _losses.contestants(loss, tensors).items():
        is_ours = contestant.startswith("ours")
        try:
            run = made()
            errors[contestant] = error(*_losses.as_tensors(run()), truth)
            if not errors[contestant] < (OURS if is_ours else DTYPES)[dtype]:
                raise ArithmeticError(f"an error of {errors[contestant]:.2g}")
            runs[contestant] = run
        except Exception as problem:  # whatever it is, the others can still be timed
            if is_ours and not isinstance(problem, ImportError):
                raise
            left_out[contestant] = _losses.reason(problem)
    logits = tensors[0]
    into = logits.clone()
    runs["clone"] = logits.clone
    runs["copy"] = lambda: into.copy_(logits)
    return runs, errors, left_out


def error(value, grad, truth) -> float:
    """Return the largest relative error: of the value, of the gradient's norm, of its largest entry."""
    true_value, true_grad = truth
    of_value = abs(float(value) - true_value) / abs(true_value)
    difference = grad.float() - true_grad
    of_norm = difference.norm() / true_grad.norm()
    return max(of_value, float(of_norm), float(difference.abs_().max() / true_grad.abs().max()))


def measured(cases: Sequence[str], dtypes: Sequence[str], rounds: int, threads: int) -> Iterator[dict[str, object]]:
    """Yield what was measured of each case in this process."""
    import torch

    torch.set_num_threads(threads)
    for case in cases:
        for dtype in dtypes:
            runs, errors, left_out = contestants(case, dtype)
            seconds = interleave(runs, rounds=rounds, rest=REST)
            yield {
                "case": case,
                "dtype": dtype,
                "threads": threads,
                "ours ms": 1e3 * statistics.median(seconds["ours"]),
                **{f"{peer}/ours": ratio(seconds, peer, "ours") for peer in PEERS if peer in runs},
                **{f"ours/{limit}": ratio(seconds, "ours", limit) for limit in LIMITS},
                **{
                    f"{peer}/{ours}": ratio(seconds, peer, ours)
                    for peer, ours in FACES.items()
                    if {peer, ours} <= set(runs)
                },
                "ms": {name: 1e3 * statistics.median(times) for name, times in seconds.items()},
                "error": errors,
                "left out": left_out,
            }
            del runs
            gc.collect()
            if "jax" in sys.modules:
                sys.modules["jax"].clear_caches()


# --- all of them ------------------------------------------------------------------------------------------------------


def in_processes(threads: Sequence[int], chosen: Sequence[str]) -> Iterator[dict[str, object]]:
    """Yield what was measured in one process for each number of threads, of as many cores."""
    for n in threads:
        with tempfile.TemporaryDirectory() as cache:  # compiled code holds its number of threads, and its key does not
            child = subprocess.Popen(
                [sys.executable, __file__, str(n), "--child", *chosen],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": str(n), "JAX_PLATFORMS": "cpu", "TORCHINDUCTOR_CACHE_DIR": cache},
                preexec_fn=partial(os.sched_setaffinity, 0, sorted(os.sched_getaffinity(0))[:n]),
            )
            for line in child.stdout:
                row = json.loads(line)
                print(f"{n} threads, {row['case']} {row['dtype']}", file=sys.stderr)
                yield row
            if child.wait() != 0:
                print(f"losses: the process with {n} threads ended with {child.returncode}", file=sys.stderr)


RATIOS = (
    *(f"{peer}/ours" for peer in PEERS),
    *(f"ours/{limit}" for limit in LIMITS),
    *(f"{peer}/{ours}" for peer, ours in FACES.items()),
)


def summary(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return median and worst over the cases of every ratio, for every number of threads and dtype."""
    found = []
    for threads, dtype in sorted({(row["threads"], row["dtype"]) for row in rows}, reverse=True):
        of = [row for row in rows if (row["threads"], row["dtype"]) == (threads, dtype)]
        values = {name: [row[name] for row in of if name in row] for name in RATIOS}
        worst = {name: max if name.startswith("ours/") else min for name in RATIOS}
        for what, pick in (("median", dict.fromkeys(RATIOS, statistics.median)), ("worst", worst)):
            line = {name: pick[name](each) if each else "" for name, each in values.items()}
            found.append({"threads": threads, "dtype": dtype, "over the cases": what, **line})
    return found


def main() -> None:
    """Time every case; print tables, and write them down if nothing was left to choose."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("threads", nargs="*", type=int, default=sorted({1, len(cores)}))
    parser.add_argument("--case", action="extend", nargs="+", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--dtype", action="extend", nargs="+", choices=DTYPES, metavar="DTYPE", help=", ".join(DTYPES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    cases, dtypes = asked.case or list(CASES), asked.dtype or list(DTYPES)
    if asked.child:
        for row in measured(cases, dtypes, asked.rounds, asked.threads[0]):
            print(json.dumps(row), flush=True)
        return
    if importlib.util.find_spec("torch") is None or not cores:
        print("losses: nothing to measure, torch is not installed or cores cannot be chosen here", file=sys.stderr)
        return

    chosen = ["--rounds", str(asked.rounds), "--case", *cases, "--dtype", *dtypes]
    rows = list(in_processes(asked.threads, chosen))
    table = [{name: row.get(name, "") for name in ("case", "dtype", "threads", "ours ms", *RATIOS)} for row in rows]
    print_table(table)
    print()
    overall = summary(rows)
    print_table(overall)
    print()
    where: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for contestant, why in row["left out"].items():
            where.setdefault((contestant, why), []).append(f"{row['case']} {row['dtype']}, {row['threads']} threads")
    for (contestant, why), places in where.items():
        print(f"left out: {contestant}, {why}: {'; '.join(places)}")
    if len(rows) < len(asked.threads) * len(CASES) * len(DTYPES):
        print("not written: that is for all cases and dtypes")
        return
    facts = {"summary": overall, "rounds": asked.rounds, "versions": versions(), "huge_pages": huge_pages()}
    print(write_json("losses", rows, **facts))


def versions() -> dict[str, str]:
    """Return the versions of whom we are compared with."""
    found = {}
    for name in ("torch", "jax", "optax", "scipy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def huge_pages() -> str | None:
    """Return the machine's setting for huge pages, on which the price of fresh memory depends."""
    path = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return path.read_text().strip() if path.exists() else None


if __name__ == "__main__":
    main()
