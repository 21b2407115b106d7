"""The command line as a user meets it: files of every kind, exit codes, what goes where, bad input."""

import errno
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from typer.testing import CliRunner

import xent
import xent._files
import xent.audit
import xent.audit.readers
from xent.audit.options import CALIBRATORS
from xent.cli import app


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def table(n=900, k=4, seed=0):
    random = np.random.default_rng(seed)
    label = random.integers(0, k, n)
    logits = (random.normal(size=(n, k)) + 2.0 * np.eye(k)[label]).astype(np.float32)
    return {
        "logits": logits,
        "label": label,
        "split": random.choice(["calibration", "test"], n),
        "weather": random.choice(["sun", "rain"], n),
        "age": random.uniform(0, 90, n),
        "w": random.uniform(0.5, 2, n),
    }


def write(folder, kind, data, wide=False):
    """Write a table as a file of one kind; wide: one column a class."""
    path = folder / f"predictions.{kind}"
    columns = dict(data)
    if kind == "npz":
        np.savez(path, **columns)
        return path
    logits = columns.pop("logits")
    if wide or kind == "csv":
        columns = {**{f"logit_{k}": logits[:, k] for k in range(logits.shape[1])}, **columns}
    else:
        columns["logits"] = pa.FixedSizeListArray.from_arrays(pa.array(logits.ravel()), logits.shape[1])
    arrow = pa.table(columns)
    if kind == "parquet":
        pq.write_table(arrow, path)
    elif kind == "csv":
        pa_csv.write_csv(arrow, path)
    elif kind == "feather":
        feather.write_feather(arrow, path, compression="uncompressed")
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, arrow.schema) as writer:
            writer.write_table(arrow, max_chunksize=100)
    return path


def result_of(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


KINDS = ["parquet", "feather", "arrow", "csv", "npz"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_result(kind, tmp_path):
    path = write(tmp_path, kind, table())
    prefix = ["--logits", "logit_"] if kind == "csv" else []
    options = [
        "--split",
        "split",
        "--slice",
        "weather",
        "--slice",
        "age:18,65",
        "--weight",
        "w",
        "--out",
        tmp_path / "o",
    ]
    result = result_of(run("audit", path, *prefix, *options, "--json"))
    npz = write(tmp_path, "npz", table())
    expected = result_of(run("audit", npz, *options, "--json"))
    for part in ("design", "classes", "scores", "thresholds", "slices"):
        assert _close(result[part], expected[part])
    assert result["calibration"]["temperature"] == pytest.approx(expected["calibration"]["temperature"], rel=1e-6)
    assert result["source"]["format"] == {"feather": "arrow"}.get(kind, kind)


def _close(one, other):
    """CSV keeps float32 to the digits that name it, so nothing may differ; sums may by rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_close, one, other))
    return one == pytest.approx(other, rel=1e-5, abs=1e-6) if isinstance(one, float) else one == other


def test_what_goes_where(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("audit", write(tmp_path, "parquet", table()), "--split", "split", "--json")
    result = result_of(done)
    jsonschema.validate(result, json.loads(files("xent.audit").joinpath("schema.json").read_text(encoding="utf-8")))
    assert "Temperature" in done.stderr
    assert sorted(p.name for p in (tmp_path / "xent-audit").iterdir()) == ["policy.json", "report.html"]
    page = (tmp_path / "xent-audit" / "report.html").read_text(encoding="utf-8")
    embedded = page.split('id="xent-result">', 1)[1].split("</script>", 1)[0]
    assert json.loads(embedded) == result
    assert run("audit", tmp_path / "predictions.parquet").stdout == ""


def test_the_policy_reproduces_the_report(tmp_path):
    data = table()
    out = tmp_path / "out"
    result = result_of(run("audit", write(tmp_path, "npz", data), "--split", "split", "--out", out, "--json"))
    policy = xent.Policy.load(out / "policy.json")
    test = data["split"] == "test"
    decision = policy.decide(data["logits"][test])
    label = data["label"][test]
    after = result["scores"]["after"]
    assert log_loss(label, decision.probs) == pytest.approx(after["nll"]["value"], rel=1e-10)
    one = decision.label >= 0
    assert one.mean() == pytest.approx(result["thresholds"]["decision"]["one"], abs=1e-12)
    assert (decision.label == label)[one].mean() == pytest.approx(
        result["thresholds"]["decision"]["accuracy_when_one"]["value"], abs=1e-12
    )
    for t in result["thresholds"]["per_class"]:
        flagged = decision.flags[:, t["index"]]
        assert flagged[label == t["index"]].mean() == pytest.approx(t["recall"]["value"], abs=1e-12)
        assert flagged.mean() == pytest.approx(t["flagged_share"], abs=1e-12)


@pytest.fixture(scope="module")
def digits_reference():
    """Temperature, and NLL before and after it, by scikit-learn's own regression, SciPy's minimiser and log_loss."""
    X, y = load_digits(return_X_y=True)
    train, rest = train_test_split(np.arange(len(y)), train_size=0.4, stratify=y, random_state=0)
    fit, test = train_test_split(rest, train_size=0.5, stratify=y[rest], random_state=0)
    model = LogisticRegression(C=1000, solver="newton-cholesky", tol=1e-10).fit(X[train] / 16, y[train])
    logits = model.decision_function(X / 16)

    def loss(rows, temperature):
        return log_loss(y[rows], softmax(logits[rows] / temperature, axis=1))

    best = minimize_scalar(lambda u: loss(fit, np.exp(u)), bounds=(-5, 5), method="bounded", options={"xatol": 1e-10})
    return np.exp(best.x), loss(test, 1.0), loss(test, np.exp(best.x))


@pytest.mark.parametrize("kernels", ["numpy", ""])
def test_embedded_digits(kernels, tmp_path, monkeypatch, digits_reference):
    monkeypatch.setenv("XENT_KERNELS", kernels)
    result = result_of(run("audit", "--out", tmp_path, "--json"))
    label = load_digits().target
    assert result["source"]["name"] == "UCI digits (embedded)"
    assert [c["fit_rows"] + c["score_rows"] for c in result["classes"]] == pytest.approx(
        0.6 * np.bincount(label), abs=1.5
    )  # stratified: 40 % of each digit is left for training
    temperature, before, after = digits_reference
    # The regression is nearly flat along some directions: a gradient of 1e-8 leaves T to about 2e-5.
    assert result["calibration"]["temperature"] == pytest.approx(temperature, abs=5e-5)
    assert result["scores"]["before"]["nll"]["value"] == pytest.approx(before, abs=1e-5)
    assert result["scores"]["after"]["nll"]["value"] == pytest.approx(after, abs=1e-5)
    assert [s["column"] for s in result["slices"]] == ["ink"]


def test_probabilities_are_said_to_be(tmp_path):
    data = table()
    with np.errstate(over="ignore"):
        probs = np.exp(data["logits"].astype(float))
    data["probs"] = probs / probs.sum(axis=1, keepdims=True)
    path = write(tmp_path, "npz", data)
    out = ["--split", "split", "--out", tmp_path / "o", "--json"]
    from_logits = result_of(run("audit", path, *out))
    from_probs = result_of(run("audit", path, "--probs", "probs", *out))
    assert from_probs["source"]["kind"] == "probs"
    assert from_probs["calibration"]["temperature"] == pytest.approx(
        from_logits["calibration"]["temperature"], rel=1e-6
    )
    mistaken = result_of(run("audit", path, "--logits", "probs", *out))
    assert mistaken["findings"][0]["code"] == "XA101"
    assert run("audit", path, "--logits", "logits", "--probs", "probs").exit_code == 2


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        (["ece>0.9"], 0),
        (["ece>=0"], 1),
        (["accuracy<0.1", "nll_before > 5"], 0),
        (["accuracy<0.1", "accuracy<1.1"], 1),
        (["error"], 0),
        (["info"], 1),
    ],
)
def test_gates(conditions, code, tmp_path):
    path = write(tmp_path, "npz", table())
    options = [option for condition in conditions for option in ("--fail-on", condition)]
    done = run("audit", path, "--split", "split", "--out", tmp_path / "o", "--json", *options)
    assert done.exit_code == code
    gate = json.loads(done.stdout)["gate"]
    assert gate["passed"] is (code == 0)
    assert [c["condition"] for c in gate["conditions"]] == conditions
    assert (tmp_path / "o" / "report.html").exists()  # a failed gate is no reason to keep the report back


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-on", "ece!0.3"], "NAME OP NUMBER"),
        (["--fail-on", "auc>0.3"], "the names are ece"),
        (["--target-recall", "0.9", "--target-precision", "0.9"], "must not both be given"),
        (["--target-recall", "1.5"], "xent audit: --target-recall must lie in (0, 1]; got 1.5 hint: "),
        (["--target-precision", "0"], "xent audit: --target-precision must lie in (0, 1]; got 0"),
        (["--slice", "age:65,18"], "rising edges"),
        (["--no-such-option"], "No such option"),
        (["--label", "label"], "--label must go with a file"),
        (["--weight", "w"], "--weight must go with a file"),
        (["--seed", "-1"], "xent audit: --seed must lie in 0 … 2**63 - 1; got -1 hint: "),
        (["--seed", str(2**63)], "xent audit: --seed must lie in 0 … 2**63 - 1; got 9223372036854775808"),
        (["--ignore-index", str(2**63)], "xent audit: --ignore-index must lie above"),
        (["p.npz", "--classes", "a,b,,d"], "--classes must name every class; got an empty name"),
        (["p\udcff.npz"], r"PREDICTIONS must be UTF-8 text; got 'p\udcff.npz' hint: "),
        (["p.npz", "--slice", "a", "--slice", "b\udcff"], r"--slice must be UTF-8 text; got 'b\udcff' hint: "),
        (["p.npz", "--classes", ""], "--classes must name every class; got an empty name"),
        (["p.npz", "--classes", "a,b,a"], "--classes must name every class once; got 'a' more than once hint: "),
    ],
)
def test_wrong_use_is_2_before_any_work(arguments, words, tmp_path):
    done = run("audit", *arguments, "--out", tmp_path / "o")
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())
    assert not (tmp_path / "o").exists()


def bad_inputs():
    """What is done to a good file, the options, and words of the message."""
    return {
        "no such file": (lambda path: path.unlink(), [], "no such file"),
        "a folder": (lambda path: (path.unlink(), path.mkdir()), [], "director"),
        "empty file": (lambda path: path.write_bytes(b""), [], "empty"),
        "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-200]), [], "truncated|damaged|cut|incomplete"),
        "missing column": (lambda path: None, ["--label", "lable"], "'lable'.*label"),
        "missing split": (lambda path: None, ["--split", "fold"], "'fold'"),
    }


@pytest.mark.parametrize("case", bad_inputs())
def test_bad_files_are_3_and_leave_nothing(case, tmp_path):
    damage, options, words = bad_inputs()[case]
    path = write(tmp_path, "parquet", table())
    damage(path)
    done = run("audit", path, *options, "--out", tmp_path / "o")
    assert done.exit_code == 3, done.output
    assert re.search(words, " ".join(done.stderr.split())), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": np.linspace(0, 1, 900)}, "label.*integers"),
        ({"logits": np.zeros((900, 1), np.float32)}, "one class|at least 2|two"),
        ({"label": np.full(900, 77)}, "at least one valid row|must hold valid rows"),
        ({"w": np.full(900, -1.0)}, "weight|w"),
    ],
)
def test_bad_tables_are_3(changes, words, tmp_path):
    path = write(tmp_path, "npz", {**table(), **changes})
    done = run("audit", path, "--split", "split", "--weight", "w", "--out", tmp_path / "o")
    assert done.exit_code == 3, done.output
    message = " ".join(done.stderr.split())
    assert re.search(words, message), message
    assert "hint:" in message
    assert not (tmp_path / "o").exists()


def test_ragged_lists(tmp_path):
    path = tmp_path / "ragged.parquet"
    pq.write_table(pa.table({"logits": [[1.0, 2.0], [1.0, 2.0, 3.0]], "label": [0, 1]}), path)
    done = run("audit", path, "--out", tmp_path / "o")
    assert done.exit_code == 3
    assert "row 1" in done.stderr


def test_wrong_extension(tmp_path):
    path = write(tmp_path, "parquet", table()).rename(tmp_path / "predictions.csv")
    done = run("audit", path, "--out", tmp_path / "o")
    assert done.exit_code == 3
    assert "Parquet" in done.stderr


def test_no_permission_to_write(tmp_path):
    (tmp_path / "o").write_text("a file, not a folder")
    done = run("audit", write(tmp_path, "npz", table()), "--out", tmp_path / "o")
    assert done.exit_code == 3
    assert "--out" in done.stderr
    assert (tmp_path / "o").read_text() == "a file, not a folder"


def test_out_is_looked_at_before_anything_is_read(tmp_path):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "taken" / "policy.json").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for out, words in [
        ("file", "--out .*file must be a folder that can be written; got File exists"),
        ("file/in/it", "--out .* must be a folder that can be written; got Not a directory"),
        ("taken", "--out .* must be a folder that can be written; got a directory in the place of policy.json"),
    ]:
        done = run("audit", tmp_path / "no such table.npz", "--out", tmp_path / out)
        assert done.exit_code == 3
        assert re.search(words, done.stderr), done.stderr
        assert "hint: name another folder" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_table_that_cannot_be_read_leaves_no_folder(tmp_path):
    done = run("audit", tmp_path / "none.npz", "--out", tmp_path / "a" / "b")
    assert (done.exit_code, list(tmp_path.iterdir())) == (3, [])
    assert "no such file" in done.stderr


def test_both_files_or_neither(tmp_path, monkeypatch):
    """The second file cannot be put in its place: the first is taken back, and what stood there stands again."""
    texts = {"report.html": "new report", "policy.json": "new policy"}
    replace = Path.replace

    def fails(self, target):
        if Path(target).name == "policy.json" and self.suffix == ".part":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="Input/output error"):
        xent._files.write_files(tmp_path, texts)
    assert list(tmp_path.iterdir()) == []
    for name in texts:
        (tmp_path / name).write_text(f"old {name}")
    for links in (True, False):
        if not links:
            monkeypatch.setattr(xent._files.os, "link", _no_links)
        with pytest.raises(OSError, match="Input/output error"):
            xent._files.write_files(tmp_path, texts)
        assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {name: f"old {name}" for name in texts}
    monkeypatch.setattr(Path, "replace", replace)
    xent._files.write_files(tmp_path, texts)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == texts


def _no_links(*_, **__):
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


def test_a_folder_in_a_files_place_is_seen_before_any_file_is_written(tmp_path):
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError):
        xent._files.write_files(tmp_path, {"a": "text", "b": "text"})
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def test_a_folder_that_was_made_for_nothing_goes_again(tmp_path, monkeypatch):
    path = write(tmp_path, "npz", table())
    outcome = xent.audit.audit(xent.audit.readers.open_table(path, xent.audit.readers.Columns()))

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(xent._files.os, "fsync", full)
    with pytest.raises(xent.DataError, match="No space left"):
        outcome.write(tmp_path / "a" / "b")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_umask_is_kept_and_never_set(tmp_path, monkeypatch):
    old = os.umask(0o027)
    try:
        monkeypatch.setattr(os, "umask", None)  # to read it is to set it, for every thread
        xent._files.write_files(tmp_path, {"a": "text"})
    finally:
        monkeypatch.undo()
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_full_disk_leaves_the_old_report(tmp_path, monkeypatch):
    path = write(tmp_path, "npz", table())
    assert run("audit", path, "--out", tmp_path / "o").exit_code == 0
    before = {p.name: p.read_bytes() for p in (tmp_path / "o").iterdir()}

    room = iter([None])  # for the first of the two files

    def full(descriptor):
        if next(room, descriptor) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(xent._files.os, "fsync", full)
    done = run("audit", path, "--out", tmp_path / "o", "--seed", "1")
    assert done.exit_code == 3
    assert "No space left" in done.stderr
    assert {p.name: p.read_bytes() for p in (tmp_path / "o").iterdir()} == before


def test_a_folder_as_the_table_is_told_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("audit", ".")
    assert done.exit_code == 3
    assert done.stderr.startswith("xent audit: . must be a file; got a directory\n\nhint: ")


def test_class_names_in_a_file(tmp_path):
    names, path = tmp_path / "names.txt", write(tmp_path, "npz", table())
    options = ["--classes", f"@{names}", "--split", "split", "--out", tmp_path / "o", "--json"]
    done = run("audit", path, *options)
    assert done.exit_code == 3
    assert f"--classes @{names} must be a readable text file; got No such file or directory\n\nhint: " in done.stderr
    names.write_bytes(b"caf\xe9\nb\nc\nd\n")
    assert "must be a readable text file; got no UTF-8 text at byte 3\n\nhint: " in run("audit", path, *options).stderr
    names.write_text("a\nb\nb\nd\n")
    done = run("audit", path, *options)
    assert (done.exit_code, "'b' more than once" in done.stderr) == (3, True)
    names.write_text("\n")
    done = run("audit", path, *options)
    assert (done.exit_code, "must name every class; got an empty file" in done.stderr) == (3, True)
    names.write_text("\ufeffa\nb\n\nc\nd\n", encoding="utf-8")
    assert [c["name"] for c in result_of(run("audit", path, *options))["classes"]] == list("abcd")


def test_the_largest_seed(tmp_path):
    """It has more bits than scikit-learn's, which cuts the digits."""
    result = result_of(run("audit", "--seed", 2**63 - 1, "--out", tmp_path, "--json"))
    assert result["design"]["seed"] == 2**63 - 1
    path = write(tmp_path, "npz", table())
    result = result_of(run("audit", path, "--seed", 2**63 - 1, "--out", tmp_path, "--json"))
    assert (result["design"]["mode"], result["design"]["seed"]) == ("cross-fit", 2**63 - 1)


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("seed", 1.5), ("seed", True), ("n_bins", 0)])
def test_options_that_cannot_be(name, value):
    with pytest.raises(xent.OptionError, match=rf"Options: {name} must .*; got {value}\n\nhint: "):
        xent.audit.Options(**{name: value})


# Promises, calibrators, unknowns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("goal", [["--target-recall", "0.8"], ["--target-precision", "0.7"]])
def test_a_promise_from_the_command_line(goal, tmp_path):
    """What it promises of its own test rows is looked at with the policy it wrote."""
    data = table(n=4000)
    path, out = write(tmp_path, "npz", data), tmp_path / "o"
    result = result_of(run("audit", path, "--split", "split", *goal, "--confidence", "0.9", "--out", out, "--json"))
    thresholds = result["thresholds"]
    assert (thresholds["confidence"], thresholds["goal"]) == (0.9, float(goal[1]))
    assert [each["proven"] for each in thresholds["per_class"]] == [True] * 4
    # log(0.1 / 4) / log(goal): four classes share a tenth
    needed = int(np.ceil(np.log(0.025) / np.log(float(goal[1]))))
    assert [each["needed"] for each in thresholds["per_class"]] == [needed] * 4
    policy = xent.Policy.load(out / "policy.json")
    assert policy.goal == {goal[0].removeprefix("--target-"): float(goal[1]), "confidence": 0.9}
    test = data["split"] == "test"
    flagged, own = policy.decide(data["logits"][test]).flags, data["label"][test][:, None] == np.arange(4)
    for k, each in enumerate(thresholds["per_class"]):
        assert (flagged & own)[:, k].sum() / own[:, k].sum() == pytest.approx(each["recall"]["value"], abs=1e-12)
        assert (flagged & own)[:, k].sum() / flagged[:, k].sum() == pytest.approx(each["precision"]["value"], abs=1e-12)


def test_a_promise_that_the_rows_do_not_carry(tmp_path):
    done = run(
        "audit", write(tmp_path, "npz", table(n=200)), "--confidence", "0.999", "--out", tmp_path / "o", "--json"
    )
    result = result_of(done)
    assert [each["threshold"] for each in result["thresholds"]["per_class"]] == [None] * 4
    assert "XA404" in {finding["code"] for finding in result["findings"]}
    assert "proven with 99.9 % confidence for 0 of 4 classes" in " ".join(done.stderr.split())


@pytest.mark.parametrize("name", [name for name in CALIBRATORS if name != "auto"])
def test_every_calibrator_from_the_command_line(name, tmp_path):
    data = table(n=1200)
    path, out = write(tmp_path, "npz", data), tmp_path / "o"
    result = result_of(run("audit", path, "--split", "split", "--calibrator", name, "--out", out, "--json"))
    schema = json.loads(files("xent.audit").joinpath("schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(result, schema)
    assert (result["calibration"]["method"], result["calibration"]["comparison"]["asked"]) == (name, name)
    test = data["split"] == "test"
    probs = xent.Policy.load(out / "policy.json").decide(data["logits"][test]).probs
    assert log_loss(data["label"][test], probs) == pytest.approx(result["scores"]["after"]["nll"]["value"], rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_unknowns_of_every_format(kind, tmp_path):
    known = write(tmp_path, "csv" if kind == "csv" else "npz", table())
    (tmp_path / "others").mkdir()
    logits = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    others = write(tmp_path / "others", kind, {"logits": logits})
    prefix = ["--logits", "logit_"] if kind == "csv" else []
    done = run("audit", known, *prefix, "--unknowns", others, "--out", tmp_path / "o", "--json")
    unknowns = result_of(done)["unknowns"]
    assert (unknowns["source"]["name"], unknowns["rows"], unknowns["known_rows"]) == (others.name, 300, 900)
    by_name = {each["name"]: each for each in unknowns["scores"]}
    score = np.r_[table()["logits"].max(axis=1), logits.max(axis=1)]
    is_known = np.r_[np.ones(900), np.zeros(300)]
    assert by_name["max_logit"]["auroc"]["value"] == pytest.approx(roc_auc_score(is_known, score), abs=1e-9)
    assert f"Unknown inputs ({others.name}, 300 rows)" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--calibrator", "magic"], 2, "xent audit: --calibrator must be one of temperature, .*, auto; got 'magic'"),
        (["--confidence", "1"], 2, r"xent audit: --confidence must lie in \(0, 1\); got 1.0"),
        (["--confidence", "nan"], 2, r"xent audit: --confidence must lie in \(0, 1\); got nan"),
        (["--confidence", "0.9999999999999999"], 2, "xent audit: confidence must leave each of 4 thresholds a chance"),
        (["--confidence", "0.9", "--weight", "w"], 2, "xent audit: --confidence must go without weights; got .*'w'"),
        (["--unknowns", "none.npz"], 3, "xent audit: none.npz must be there; got no such file"),
        (["--unknowns", "three.npz"], 3, "xent audit: three.npz must have scores of 4 classes, .*; got 3"),
        (["--unknowns", "nan.npz"], 3, "xent audit: nan.npz must have at least one row of finite scores; it has none"),
        (["--unknowns", "empty.npz"], 3, "xent audit: empty.npz must have at least one row; got 0 rows"),
    ],
)
def test_what_the_new_options_refuse(options, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("three.npz", logits=np.zeros((5, 3)))
    np.savez("nan.npz", logits=np.full((5, 4), np.nan))
    np.savez("empty.npz", logits=np.zeros((0, 4)))
    done = run("audit", write(tmp_path, "npz", table()), *options, "--out", "o")
    assert done.exit_code == code, done.output
    assert re.match(words, " ".join(done.stderr.split())), done.stderr
    assert not Path("o").exists()


# Exit codes of the process itself.


def process(line, *, blocked=(), **env):
    """Run ``xent`` in a shell line; modules of ``blocked`` cannot be imported."""
    start = f"import sys; sys.modules.update(dict.fromkeys({blocked!r})); from xent.__main__ import main; main()"
    program = f"{shlex.quote(sys.executable)} -c {shlex.quote(start)}"
    return subprocess.run(
        ["bash", "-c", line.replace("XENT", program)], capture_output=True, text=True, env={**os.environ, **env}
    )


posix = pytest.mark.skipif(os.name != "posix" or not Path("/dev/full").exists(), reason="/dev/full is Linux")


@posix
@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("XENT audit --out OUT --json >/dev/full", "xent audit: stdout must be writable; got No space left on device"),
        ("XENT audit --out OUT --json >&-", "xent audit: stdout must be writable; got a closed stream"),
        ("XENT --version >/dev/full", "xent: stdout must be writable; got No space left on device"),
        ("XENT --help >/dev/full", "xent: stdout must be writable; got No space left on device"),
    ],
)
def test_an_output_that_cannot_be_written_is_3(line, words, buffered, tmp_path):
    done = process(line.replace("OUT", str(tmp_path / "o")), PYTHONUNBUFFERED=buffered)
    assert done.returncode == 3, done.stderr
    assert words in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@posix
def test_a_reader_that_has_seen_enough_ends_it_quietly(tmp_path):
    out = tmp_path / "o"
    done = process(f"XENT audit --out {out} --json | true; echo ${{PIPESTATUS[0]}}")
    assert done.stdout == "141\n"
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in out.iterdir()) == ["policy.json", "report.html"]


@posix
def test_a_lost_stderr_does_not_change_the_exit_code(tmp_path):
    codes = "2>/dev/full; echo $?"
    assert process(f"XENT audit --out {tmp_path} {codes}").stdout == "0\n"
    assert process(f"XENT audit --out {tmp_path} --fail-on 'ece>=0' {codes}").stdout == "1\n"
    assert process(f"XENT audit --seed -1 {codes}").stdout == "2\n"
    assert process(f"XENT audit none.csv --out {tmp_path} {codes}").stdout == "3\n"


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"XENT_KERNELS": "foo"}, "XENT_KERNELS must be numpy or native; got 'foo'"),
        ({"XENT_KERNELS": "native", "XENT_ISA": "foo"}, "XENT_(ISA|KERNELS=native) must .*; got"),
    ],
)
def test_wrong_kernels_are_2(env, words, tmp_path):
    done = process(f"XENT audit --out {tmp_path / 'o'}", **env)
    assert done.returncode == 2
    assert re.match(f"xent.kernels: .*{words}.*\n\nhint: ", done.stderr)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_a_command_line_without_its_modules_is_2(module):
    done = process("XENT audit --help", blocked=(module,))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"xent: the command line must have {module}; it is not installed\n\nhint: pip ")


def test_an_audit_without_its_modules_is_2(tmp_path):
    done = process(f"XENT audit --out {tmp_path / 'o'}", blocked=("sklearn",))
    assert done.returncode == 2
    assert "this command must have sklearn; it is not installed\n\nhint: pip install 'xent[audit]'" in done.stderr


@pytest.mark.parametrize("error", ["RuntimeError", "EOFError", "BrokenPipeError", "PermissionError"])
def test_a_crash_is_70_with_its_traceback(error, tmp_path):
    """Never 1, which would say that a gate failed. typer makes 1 of an EOFError."""
    start = (
        "import xent.audit\nfrom xent.__main__ import main\n"
        f"def crash(*_, **__):\n    raise {error}('a bug')\n"
        f"xent.audit.audit = crash\nimport sys\nsys.argv = ['xent', 'audit', '--out', {str(tmp_path)!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True)
    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert done.stderr.rstrip().endswith(f"{error}: a bug")


def test_a_module_of_our_own_that_is_missing_is_a_crash(tmp_path):
    done = process(f"XENT audit --out {tmp_path / 'o'}", blocked=("xent.audit.engine",))
    assert done.returncode == 70
    assert "Traceback" in done.stderr


def test_json_for_a_terminal_without_unicode(tmp_path):
    """Its escapes say the same."""
    path = write(tmp_path, "npz", {**table(), "weather": np.array(["☀", "☂", "☀"] * 300)})
    line = f"XENT audit {path} --slice weather --out {tmp_path / 'o'} --json"
    done = process(line, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert {entry["value"] for s in json.loads(done.stdout)["slices"] for entry in s["values"]} == {"☀", "☂"}


def test_help_needs_no_numpy():
    program = (
        "import sys\nfrom xent.cli import app\n"
        "try:\n    app(['audit', '--help'])\nexcept SystemExit as stop:\n"
        "    print(stop.code, sorted({'numpy', 'pyarrow', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
    assert "--target-recall" in done.stdout


def test_version():
    assert run("--version").stdout.strip() == xent.__version__
