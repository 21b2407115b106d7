"""How much memory forward and backward of cross-entropy take at their peak, beside logits and target.

In units of the size of the logits; the gradient, which has to be there in the end, is 1 of them. Every measurement has
a process of its own, whose peak the kernel reports.

python benchmarks/loss_memory.py
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from _timing import print_table, write_json

SHAPES = ((8192, 1000), (1024, 128_256))
DTYPES = ("float32", "bfloat16")
CONTESTANTS = ("ours", "eager")


def memory(field: str) -> int:
    """Return a field of this process's status, in bytes: VmRSS is what it has now, VmHWM the most it had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(contestant: str, shape: tuple[int, ...], dtype: str) -> None:
    """Print the peak beyond what was there before, in bytes."""
    import _losses
    import torch

    run = getattr(_losses.Plain, contestant)
    _losses.of_torch(run, *_losses.drawn((64, 1000), getattr(torch, dtype), _losses.Plain))()  # what is loaded once
    tensors = _losses.drawn(shape, getattr(torch, dtype), _losses.Plain)
    call = _losses.of_torch(run, *tensors)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = memory("VmRSS")
    result = call()
    print(memory("VmHWM") - before)
    del result


def main() -> None:
    """Measure every contestant; print a table and write it down."""
    if importlib.util.find_spec("torch") is None or not Path("/proc/self/clear_refs").exists():
        print("loss_memory: nothing to measure, torch is not installed or this is not Linux", file=sys.stderr)
        return
    rows = []
    for shape in SHAPES:
        for dtype in DTYPES:
            size = shape[0] * shape[1] * {"float32": 4, "bfloat16": 2}[dtype]
            row = {"shape": "x".join(map(str, shape)), "dtype": dtype, "logits MB": size / 1e6}
            for contestant in CONTESTANTS:
                command = [sys.executable, __file__, contestant, dtype, *map(str, shape)]
                peak = int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
                row[f"{contestant} / logits"] = peak / size
            rows.append(row)
    print_table(rows)
    print(write_json("loss_memory", rows))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], tuple(map(int, sys.argv[3:])), sys.argv[2])
    else:
        main()
