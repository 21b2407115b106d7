"""Compiles the Triton kernels for a GPU that need not be there, and prints, as JSON, what the compiler made of them.

The interpreter accepts what the compiler refuses. test_triton.py runs this as a script.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget

ARCHITECTURE = int(sys.argv[1])  # 90: an H100


class Absent:
    """The driver of a GPU that is not there: it knows what to compile for, and runs nothing."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", ARCHITECTURE, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


triton.runtime.driver.set_active(Absent())

from xent.kernels import triton as kernels  # noqa: E402

compiled: list[Any] = []
run = kernels._kernel.run


def compile_only(*arguments: Any, warmup: bool, **options: Any) -> None:
    compiled.append(run(*arguments, warmup=True, **options))


kernels._kernel.run = compile_only


def report(name: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled[-1].asm["cubin"])
        file.flush()
        command = [triton.knobs.nvidia.cuobjdump.path, "--dump-resource-usage", file.name]
        usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    assert found is not None, usage
    wide = re.search(r"ld\.global\S*\.v4\.b32", compiled[-1].asm["ptx"]) is not None
    line = {"kernel": name, "registers": int(found[1]), "stack": int(found[2]), "loads 16 bytes": wide}
    print(json.dumps(line), flush=True)


def main() -> None:
    n = 64
    label, ones = torch.zeros(n, dtype=torch.int64), torch.ones(n)
    for dtype, n_classes in ((torch.bfloat16, 128_256), (torch.float32, 1000)):
        logits, of = torch.empty(n, n_classes, dtype=dtype), f"{str(dtype)[6:]}, {n_classes} classes"
        stats = kernels.row_stats(logits, label)
        report(f"row_stats, {of}")
        kernels.row_grad(logits, ones, ones, label, stats=stats)
        report(f"row_grad, {of}")
        kernels.row_stats_and_grad(logits, ones, ones, label)
        report(f"row_stats_and_grad, {of}")
    kernels.row_softmax(torch.empty(n, 32_000), log=True)
    report("row_softmax, float32, 32000 classes")

    pictures = torch.empty(2, 21, 8, 8).movedim(1, -1)
    label, ones = torch.zeros(128, dtype=torch.uint8), torch.ones(128)
    kernels.row_stats_and_grad(pictures, ones, ones, label, ignore_index=255)
    report("row_stats_and_grad, float32, pictures")

    logits = torch.empty(n, 4000, dtype=torch.float64)  # all there is, at once
    ones, classes = torch.ones(n), torch.ones(4000)
    options = {"scale": 0.7, "softcap": 30.0, "offset": classes}
    stats = kernels.row_stats(logits, logits, classes, extras=True, **options)
    report("row_stats, float64, everything")
    kernels.row_grad(logits, ones, ones, logits, ones, classes, stats=stats, **options)
    report("row_grad, float64, everything")


main()
