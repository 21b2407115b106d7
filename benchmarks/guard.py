"""What xent.torch.guard costs: a step of training with it, while it looks, while it waits, and when it is done.

"looking" looks at every step, which it otherwise does for the first three of a line; "waiting" has seen those, and
waits whether another line calls a loss, at most 64 calls long; "done" is after it took its hooks away. Its beginning
and end are in all three. Ratios are to the same step without it. The step is forward, loss and backward.

python benchmarks/guard.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
from collections.abc import Callable

from _timing import interleave, print_table, ratio, write_json


def steps() -> dict[str, tuple[Callable[[], object], int]]:
    """Return what is timed, and how often in a turn."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    import xent.torch

    draw = torch.Generator().manual_seed(0)

    def step(model, loss, x, y):
        def run() -> None:
            model.zero_grad()
            loss(model(x), y).backward()

        return run

    small = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    rows, labels = torch.randn(32, 64, generator=draw), torch.arange(32) % 10
    image = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 21, 1))
    pixels, classes = torch.randn(4, 3, 64, 64, generator=draw), torch.randint(21, (4, 64, 64), generator=draw)
    words = nn.Sequential(nn.Embedding(8000, 128), nn.Linear(128, 8000))
    tokens = torch.randint(8000, (512,), generator=draw)
    return {
        "digits (32, 10)": (step(small, F.cross_entropy, rows, labels), 200),
        "digits (32, 10), xent's loss": (step(small, xent.torch.cross_entropy, rows, labels), 200),
        "multilabel (32, 10)": (step(small, F.binary_cross_entropy_with_logits, rows, (rows[:, :10] > 0).float()), 200),
        "image (4, 21, 64, 64)": (step(image, F.cross_entropy, pixels, classes), 20),
        "words (512, 8000)": (step(words, F.cross_entropy, tokens, tokens.roll(-1)), 8),
    }


def main() -> None:
    """Time every step in every state of a guard; print a table and write it down."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    if importlib.util.find_spec("torch") is None:
        print("guard: nothing to measure, torch is not installed", file=sys.stderr)
        return
    import torch

    import xent.torch
    from xent.torch._guard import watching

    torch.set_num_threads(1)
    rows = []
    for name, (step, times) in steps().items():

        def turn(step=step, times=times, **options) -> Callable[[], None]:
            def run() -> None:
                for _ in range(times):
                    step()

            def guarded() -> None:
                with xent.torch.guard(**options):
                    run()

            return guarded if options else run

        def waiting(step=step, times=times) -> None:
            patience, watching._PATIENCE = watching._PATIENCE, sys.maxsize
            try:
                turn(step, times, calls=1)()
            finally:
                watching._PATIENCE = patience

        def done(step=step, times=times) -> None:
            xent.torch.guard().stop()
            turn(step, times)()

        ways = {"without": turn(), "looking": turn(calls=sys.maxsize), "waiting": waiting, "done": done}
        seconds = interleave(ways, rounds=rounds)
        added = statistics.median(a - b for a, b in zip(seconds["looking"], seconds["without"], strict=True))
        rows.append(
            {
                "step": name,
                "without µs": 1e6 * statistics.median(seconds["without"]) / times,
                "a look adds µs": 1e6 * added / times,
                **{f"{way}/without": ratio(seconds, way, "without") for way in ("looking", "waiting", "done")},
            }
        )
        print(name, file=sys.stderr)
    print_table(rows)
    print(write_json("guard", rows, torch=torch.__version__))


if __name__ == "__main__":
    main()
