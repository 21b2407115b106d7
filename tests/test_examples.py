"""Every example that a reader sees is run: docstrings, README, docs; Python at its prompt, and xent at the shell's.

Examples of PyTorch, JAX and Triton are skipped, and said to be, where those are not installed.
"""

import doctest
import importlib
import importlib.util
import pathlib
import pkgutil
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

import xent
from xent import losses

ROOT = pathlib.Path(__file__).parents[1]
MISSING = [name for name in ("torch", "jax", "triton") if importlib.util.find_spec(name) is None]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(xent.__path__, "xent.")
    if not module.name.endswith(("_native", "__main__"))
)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in MISSING:
            raise
        pytest.skip(f"{error.name} is not installed")
    names = {**vars(module), "np": np}
    finder = doctest.DocTestFinder(exclude_empty=True)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in finder.find(module, name, extraglobs=names):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_pages(page):
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert all(">>>" in block for block in blocks), "an example that cannot be run cannot be trusted"
    missing = [name for name in MISSING if any(re.search(rf"\b{name}\b", block) for block in blocks)]
    here = [block for block in blocks if not any(re.search(rf"\b{name}\b", block) for name in missing)]
    test = doctest.DocTestParser().get_doctest("\n".join(here), {"np": np}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test)
    assert runner.summarize(verbose=False).failed == 0
    if missing:
        pytest.skip(
            f"{len(blocks) - len(here)} of {len(blocks)} examples are of {' and '.join(missing)}, not installed"
        )


def test_the_guide_names_every_finding():
    folder = pathlib.Path(importlib.import_module("xent.audit.findings").__file__).parent
    source = "".join(module.read_text(encoding="utf-8") for module in folder.glob("*.py"))
    guide = (ROOT / "docs" / "guide" / "audit.md").read_text(encoding="utf-8")
    assert set(re.findall(r'"(XA\d+)"', source)) == set(re.findall(r"^\| (XA\d+)", guide, re.MULTILINE))


def test_the_guide_names_every_loss():
    guide = (ROOT / "docs" / "guide" / "losses.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\w+\(.*?\))` \|", guide, re.MULTILINE)
    assert [repr(eval(each, vars(losses))) for each in shown] == [repr(cls()) for cls in losses.LOSSES.values()]


def commands():
    for page in PAGES:
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                if line.startswith("$ xent "):
                    yield pytest.param(line[2:], id=f"{page.name}: {line[2:]}")


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    """The tables that the pages' commands speak of."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    n = 3000
    label = random.integers(0, 3, n)
    logits = random.normal(size=(n, 3)) + 2.0 * np.eye(3)[label]
    folder = tmp_path_factory.mktemp("examples")
    table = {
        "logits": list(logits),
        "label": label,
        "split": random.choice(["calibration", "test"], n),
        "weather": random.choice(["sun", "rain"], n),
        "age": random.uniform(0, 90, n),
    }
    pq.write_table(pa.table(table), folder / "predictions.parquet")
    pq.write_table(pa.table({"logits": list(random.normal(size=(500, 3)))}), folder / "unknowns.parquet")
    (folder / "src").mkdir()
    for name in ("train.py", "src/train.py"):
        (folder / name).write_text("x = 1\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("command", list(commands()))
def test_commands_in_pages(command, predictions):
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=predictions, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if command.startswith("xent audit"):
        assert (predictions / "xent-audit" / "report.html").stat().st_size > 50_000
