"""What importing xent loads, seen from a fresh interpreter."""

import importlib.metadata
import importlib.util
import json
import subprocess
import sys

import pytest

import xent

HEAVY = {"scipy", "sklearn", "torch", "jax", "triton", "pyarrow", "pandas", "matplotlib", "typer", "rich", "click"}


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules outside the standard library that the code loads."""
    script = f"""
import json, sys
before = set(sys.modules)
{code}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout)) - sys.stdlib_module_names


def test_importing_xent_loads_only_xent():
    assert loaded_by("import xent; dir(xent); xent.__all__") == {"xent"}


@pytest.mark.parametrize(
    "code",
    [
        "import xent; xent.softmax([0.0, 1.0])",
        "import xent; xent.value_and_grad(xent.cross_entropy)([0.0, 1.0], 0)",
        "import xent; xent.value_and_grad(xent.Focal(2.0).binary)([0.0, 1.0], [0, 1], mining=xent.Hardest(0.5))",
        "import xent; xent.distillation_loss([0.0, 1.0], [1.0, 2.0]); xent.two_stage_loss(0.0, [0.0, 1.0], -1)",
        "import xent; xent.class_balanced_weights([3, 1]); xent.votes_to_probs([0, 1], n_classes=2)",
        "from xent import information; information.entropy([0.5, 0.5])",
        "import xent.losses",
        "from xent import XentError, binary_cross_entropy, CrossEntropy",
    ],
)
def test_the_mathematics_loads_numpy_and_nothing_else(code):
    assert loaded_by(code) == {"numpy", "xent"}


def test_splits_load_no_framework():
    code = "from xent.sampling import split; split([0, 1, 0, 1, 2], near=[[0], [1], [2], [3], [4]], tolerance=0.5)"
    assert not loaded_by(code) & HEAVY


@pytest.mark.parametrize(
    "code", ["lint_paths(['program.py']).counts()", "Config", "Report", "Finding", "RULES['XE101']"]
)
def test_the_linter_loads_neither_numpy_nor_what_it_checks(code, tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(
        "import numpy, torch\nloss = torch.nn.functional.cross_entropy(x.softmax(1), y)\n"
    )
    monkeypatch.chdir(tmp_path)
    assert loaded_by(f"import xent.lint; dir(xent.lint); xent.lint.{code}") == {"xent"}


def test_the_names_of_the_linter():
    assert dir(xent.lint) == sorted(xent.lint.__all__)
    for name in xent.lint.__all__:
        value = getattr(xent.lint, name)
        assert value is getattr(xent.lint, name)
        assert name == "RULES" or (value.__name__ == name and value.__doc__)
    assert xent.lint.RULES["XE101"].code == "XE101"
    with pytest.raises(AttributeError, match=r"^module 'xent.lint' has no attribute 'lint_path'$"):
        _ = xent.lint.lint_path


def test_the_plugin_of_pytest_loads_no_framework():
    """It is loaded by every pytest where xent is installed."""
    assert not loaded_by("import xent.pytest_plugin") & (HEAVY | {"numpy"})


def test_errors_load_nothing():
    assert loaded_by("from xent import XentError, ShapeError") == {"xent"}


def test_no_public_name_loads_a_framework():
    names = ", ".join(f"xent.{name}" for name in xent.__all__)
    assert not loaded_by(f"import xent; {names}") & HEAVY


def test_every_public_name_is_what_it_says():
    assert len(set(xent.__all__)) == len(xent.__all__)
    for name in xent.__all__:
        value = getattr(xent, name)
        assert value is getattr(xent, name)
        if name == "information":
            assert value.__name__ == "xent.information"
        else:
            assert (value.__name__, value.__module__) == (name, xent._MODULE_OF[name])
            assert value.__doc__
    assert dir(xent) == sorted({*xent.__all__, *xent._ROOMS, "__version__"})


def test_rooms_are_reached_as_attributes():
    rooms = [room for room in xent._ROOMS if room not in ("torch", "jax") or importlib.util.find_spec(room)]
    program = f"import xent; print(*(getattr(xent, room).__name__ for room in {rooms}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [f"xent.{room}" for room in rooms]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"^module 'xent' has no attribute 'sotfmax'$"):
        _ = xent.sotfmax
    with pytest.raises(ImportError, match="cannot import name 'sotfmax'"):
        exec("from xent import sotfmax")


def test_the_version_is_that_of_the_distribution():
    try:
        installed = importlib.metadata.version("xent")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("xent is not installed, it runs from the source")
    assert xent.__version__ == installed
