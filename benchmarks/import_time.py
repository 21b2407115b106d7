"""How long does ``import xent`` take, beside ``import numpy`` and Python's own start? What does a first loss add?"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from _timing import print_table, write_json

PROGRAMS = {
    "python": "pass",
    "import xent": "import xent",
    "import numpy": "import numpy",
    "xent.cross_entropy": "import xent; xent.cross_entropy",
    "xent --help": "from xent.cli import app\ntry:\n    app(['--help'])\nexcept SystemExit:\n    pass",
}


def main(rounds: int = 15) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - started)
    rows = [
        {
            "program": name,
            "ms beyond python": 1e3 * statistics.median(t - p for t, p in zip(taken, seconds["python"], strict=True)),
            "ratio to python": statistics.median(t / p for t, p in zip(taken, seconds["python"], strict=True)),
        }
        for name, taken in seconds.items()
    ]
    print_table(rows)
    print(write_json("import_time", rows))


if __name__ == "__main__":
    main()
