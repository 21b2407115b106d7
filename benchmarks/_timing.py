"""What every benchmark here shares: fair timing, the machine's own limit, a table, a JSON file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results"


def interleave(
    contestants: Mapping[str, Callable[[], object]], rounds: int = 15, rest: float = 0.0
) -> dict[str, list[float]]:
    """Return the seconds of each contestant in each round, all of them taking turns in this process.

    What disturbs the machine then disturbs neighbours alike, so ratios within a round are steadier than times. ``rest``
    is the seconds slept before each turn.
    """
    for run in contestants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            if rest:
                time.sleep(rest)
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]], of: str, to: str) -> float:
    """Return the median over the rounds of how many times longer ``of`` took than ``to``."""
    return statistics.median(a / b for a, b in zip(seconds[of], seconds[to], strict=True))


def copy_bandwidth(megabytes: int = 256) -> float:
    """Return the bytes per second, read and written, of copying an array too large for the caches in one thread."""
    source = np.ones(megabytes << 17)
    target = np.empty_like(source)
    seconds = interleave({"copy": lambda: np.copyto(target, source)}, rounds=9)
    return 2 * source.nbytes / statistics.median(seconds["copy"])


def machine() -> dict[str, str | int | None]:
    """Return what a reader must know of the machine to judge a number."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print the rows under the keys of the first, numbers with three digits."""
    header = list(rows[0])
    cells = [[f"{row[key]:.3g}" if isinstance(row[key], float) else str(row[key]) for key in header] for row in rows]
    widths = [max(len(line[i]) for line in [header, *cells]) for i in range(len(header))]
    for line in [header, *cells]:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def write_json(name: str, rows: Sequence[Mapping[str, object]], **facts: object) -> Path:
    """Write the rows and the machine to results/name.json; return the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), **facts, "rows": rows}, indent=2) + "\n")
    return path
