"""How many files a second does ``xent lint`` check on one core, beside ruff, TorchFix, and parsing alone?

The Python files of a folder are copied, so that nobody's excludes or caches count, and every contestant reads the same
copy in a process of its own with one thread, taking turns. Who follows values through every file parses it first: the
limits are reading the files and ``ast.parse`` of each. A core's second is a second of processor time, which another
program on the machine changes less than the clock. TorchFix takes so long that it gets a sample of the files; so do
the others, beside the whole.

python benchmarks/lint.py [FOLDER]

Without a folder: torch and, where it is installed, transformers.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from _timing import print_table, ratio, write_json

DEFAULT = ("torch", "transformers")
ROUNDS = 5
SAMPLE = 60  # files
ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}

READ = """
import sys
from pathlib import Path
for path in Path(sys.argv[1]).rglob("*.py"):
    path.read_bytes()
"""

PARSE = """
import ast, gc, sys, warnings
from pathlib import Path
gc.disable()  # it finds nothing in syntax trees, and looks for a quarter of the time
warnings.simplefilter("ignore")
for path in Path(sys.argv[1]).rglob("*.py"):
    try:
        ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        pass  # for another Python
"""


class Cost(NamedTuple):
    """What one process took."""

    seconds: float
    cpu_seconds: float


def contestants(tree: Path) -> dict[str, list[str]]:
    """Return the commands of those that are installed; each in one thread."""
    python = [sys.executable, "-W", "ignore"]
    commands = {
        "read": [*python, "-c", READ, str(tree)],
        "ast.parse": [*python, "-c", PARSE, str(tree)],
        "xent lint": [*python, "-m", "xent", "lint", str(tree), "--jobs", "1", "--format", "concise"],
    }
    if importlib.util.find_spec("ruff") is not None:
        from ruff.__main__ import find_ruff_bin

        alike = ["--isolated", "--no-cache", "--no-respect-gitignore", "--config", "exclude=[]"]
        commands["ruff check"] = [find_ruff_bin(), "check", *alike, "--output-format", "concise", str(tree)]
    if importlib.util.find_spec("torchfix") is not None:
        commands["torchfix"] = [*python, "-m", "torchfix", "--jobs", "1", str(tree)]
    return commands


def run(command: Sequence[str], folder: Path) -> Cost:
    """Return what the command took from its start to its end; it must end well, or with 1 and findings."""
    with (folder / "findings").open("wb") as findings, (folder / "errors").open("wb") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=findings, stderr=errors, cwd=folder, env={**os.environ, **ONE_THREAD}
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    found = (folder / "findings").stat().st_size > 0
    if process.returncode != 0 and not (process.returncode == 1 and found):
        said = (folder / "errors").read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}: {said}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime)


def copy(folders: Sequence[Path], tree: Path) -> list[Path]:
    """Copy the Python files of the folders into a tree, and return them."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if path.is_file():
                to = tree / folder.name / path.relative_to(folder)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
    return sorted(tree.rglob("*.py"))


def sample(files: Sequence[Path], tree: Path, to: Path) -> list[Path]:
    """Copy some of the files of a tree, at even distances of the sorted names, and return the copies."""
    for path in files[:: -(-len(files) // SAMPLE)]:
        copied = to / path.relative_to(tree)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
    return sorted(to.rglob("*.py"))


def compare(name: str, files: Sequence[Path], commands: Mapping[str, Sequence[str]], folder: Path) -> list[dict]:
    """Return a line of the table for each contestant."""
    costs: dict[str, list[Cost]] = {each: [] for each in commands}
    for command in commands.values():  # files into the page cache, modules into theirs
        run(command, folder)
    for _ in range(ROUNDS):
        for each, command in commands.items():
            costs[each].append(run(command, folder))
    cpu = {each: [cost.cpu_seconds for cost in taken] for each, taken in costs.items()}
    return [
        {
            "files": f"{name} {len(files)}",
            "contestant": each,
            "s": statistics.median(cost.seconds for cost in taken),
            "core s": statistics.median(cpu[each]),
            "files/s a core": len(files) / statistics.median(cpu[each]),
            "core s / ast.parse": ratio(cpu, each, "ast.parse"),
            "core s / xent": ratio(cpu, each, "xent lint"),
        }
        for each, taken in costs.items()
    ]


def main() -> None:
    if len(sys.argv) > 1:
        folders = [Path(sys.argv[1]).resolve()]
    else:
        specs = [importlib.util.find_spec(name) for name in DEFAULT]
        folders = [Path(spec.origin).parent for spec in specs if spec is not None and spec.origin is not None]
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder, tree, part = Path(place), Path(place, "tree"), Path(place, "sample")
        files = copy(folders, tree)
        if not files:
            print("lint: nothing to check: give a folder with Python files, or install torch", file=sys.stderr)
            return
        megabytes = sum(path.stat().st_size for path in files) / 1e6
        sampled = sample(files, tree, part)
        commands = contestants(tree)
        commands.pop("torchfix", None)
        rows += compare("all", files, commands, folder)
        rows += compare("sample", sampled, contestants(part), folder)
    print_table(rows)
    found = [each for each in ("xent", "ruff", "torchfix", "libcst", *DEFAULT) if importlib.util.find_spec(each)]
    versions = {}
    for each in found:
        try:
            versions[each] = metadata.version(each)
        except metadata.PackageNotFoundError:
            versions[each] = "from source"
    print(f"\n{', '.join(folder.name for folder in folders)}: {len(files)} files, {megabytes:.1f} MB; ", end="")
    print(", ".join(f"{each} {version}" for each, version in versions.items()))
    print(write_json("lint", rows, folders=[folder.name for folder in folders], megabytes=megabytes, versions=versions))


if __name__ == "__main__":
    main()
