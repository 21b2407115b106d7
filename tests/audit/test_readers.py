"""Reading tables: what was written comes back exactly, in batches of one size; what is wrong with a file is said."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xent.audit import audit
from xent.audit.readers import ArraySource, Columns, open_table, table
from xent.audit.readers import csv as csv_reader
from xent.audit.readers.parquet import ParquetTable
from xent.audit.readers.problems import reading
from xent.audit.source import CALIBRATION, MISSING, OTHER, TEST, Source
from xent.errors import DataError

Array = np.ndarray[Any, Any]

EVERYTHING = Columns(split="split", weight="weight", slices=("light", "age", "wet"))


class Rows(NamedTuple):
    """What a test writes; None stands for null."""

    scores: Array
    label: list[int | None]
    weight: list[float]
    split: list[str]
    light: list[str]
    age: list[float]
    wet: list[bool]


def rows(n: int, k: int = 3, dtype: str = "float64", seed: int = 0, nulls: bool = False) -> Rows:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-50, 50, (n, k)) if np.dtype(dtype).kind in "iu" else rng.normal(size=(n, k))
    return Rows(
        np.abs(scores).astype(dtype) if np.dtype(dtype).kind == "u" else scores.astype(dtype),
        [None if nulls and i % 5 == 3 else int(rng.integers(k)) for i in range(n)],
        [float(w) for w in rng.uniform(0, 2, n)],
        [("calibration", "test", "train")[i] for i in rng.integers(3, size=n)],
        [("day", "night, or dusk", "ünlit")[i] for i in rng.integers(3, size=n)],
        [float(a) for a in rng.integers(80, size=n) + 0.5],
        [bool(b) for b in rng.integers(2, size=n)],
    )


# Writers: each takes a path and rows.


def lists(scores: Array, kind: str) -> Any:
    n, k = scores.shape
    flat = pa.array(scores.ravel())
    ends = np.arange(0, (n + 1) * k, k)
    if kind == "fixed":
        return pa.FixedSizeListArray.from_arrays(flat, k)
    if kind == "large":
        return pa.LargeListArray.from_arrays(pa.array(ends.astype(np.int64)), flat)
    if kind == "view":
        return pa.ListViewArray.from_arrays(
            pa.array(ends[:-1].astype(np.int32)), pa.array(np.full(n, k, dtype=np.int32)), flat
        )
    if kind == "tensor":
        return pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(flat.type, [k]), lists(scores, "fixed"))
    return pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), flat)


def arrow_table(r: Rows, kind: str = "list") -> Any:
    scores = (
        {f"logits_{j}": r.scores[:, j] for j in reversed(range(r.scores.shape[1]))}
        if kind == "columns"
        else {"logits": lists(r.scores, kind)}
    )
    return pa.table(
        {
            "note": ["x"] * len(r.label),
            **scores,
            "label": pa.array(r.label, pa.int16()),
            "weight": r.weight,
            "split": r.split,
            "light": pa.array(r.light).dictionary_encode(),
            "age": r.age,
            "wet": r.wet,
        }
    )


def parquet(path: Path, r: Rows, kind: str = "list") -> None:
    pq.write_table(arrow_table(r, kind), path, row_group_size=13)


def arrow_file(path: Path, r: Rows, kind: str = "list", compression: str | None = None) -> None:
    t = arrow_table(r, kind)
    with pa.ipc.new_file(path, t.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(t, max_chunksize=13)


def arrow_stream(path: Path, r: Rows, kind: str = "list") -> None:
    t = arrow_table(r, kind)
    with pa.ipc.new_stream(path, t.schema) as writer:
        writer.write_table(t, max_chunksize=13)


def feather(path: Path, r: Rows, kind: str = "list") -> None:
    pa.feather.write_feather(arrow_table(r, kind), str(path), compression="lz4", chunksize=13)


def csv_text(r: Rows, delimiter: str = ",") -> str:
    k = r.scores.shape[1]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*(f"logits_{j}" for j in range(k)), "label", "weight", "split", "light", "age", "wet"])
    for i, label in enumerate(r.label):
        scores = [repr(float(x)) for x in r.scores[i]]
        cells = [repr(r.weight[i]), r.split[i], r.light[i], repr(r.age[i]), str(r.wet[i]).lower()]
        writer.writerow([*scores, "" if label is None else label, *cells])
    return out.getvalue()


def csv_file(path: Path, r: Rows, kind: str = "") -> None:
    text = csv_text(r, "\t" if ".tsv" in path.name else ",").encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def npz(path: Path, r: Rows, kind: str = "matrix", save: Callable[..., None] = np.savez) -> None:
    scores = (
        {"logits": r.scores}
        if kind == "matrix"
        else {f"logits_{j}": r.scores[:, j].copy() for j in range(r.scores.shape[1])}
    )
    save(
        path,
        **scores,
        label=np.array(r.label, dtype=np.int32),
        weight=np.array(r.weight),
        split=np.array(r.split),
        light=np.array(r.light),
        age=np.array(r.age),
        wet=np.array(r.wet),
    )


def npz_packed(path: Path, r: Rows, kind: str = "matrix") -> None:
    npz(path, r, kind, np.savez_compressed)


LISTS = ("list", "large", "fixed", "columns")
WRITERS: list[tuple[str, Callable[[Path, Rows, str], None], str]] = [
    *(("a.parquet", parquet, kind) for kind in (*LISTS, "tensor")),
    *(("a.arrow", arrow_file, kind) for kind in (*LISTS, "view", "tensor")),
    *(("a.arrows", arrow_stream, kind) for kind in (*LISTS, "view")),
    *(("a.feather", feather, kind) for kind in LISTS),
    *((f"a.{suffix}", csv_file, "columns") for suffix in ("csv", "tsv", "csv.gz")),
    *(("a.npz", npz, kind) for kind in ("matrix", "columns")),
    ("a.npz", npz_packed, "matrix"),
]
CASES = [pytest.param(*case, id=f"{case[0]}-{case[1].__name__}-{case[2]}") for case in WRITERS]
#: One way of writing each format, for the tests of damage.
ONE_EACH = {
    "parquet": ("a.parquet", parquet),
    "file": ("a.arrow", arrow_file),
    "stream": ("a.arrows", arrow_stream),
    "feather": ("a.feather", feather),
    "npz": ("a.npz", npz),
    "npz_packed": ("a.npz", npz_packed),
    "csv": ("a.csv", csv_file),
    "csv.gz": ("a.csv.gz", csv_file),
}


def expected(r: Rows) -> dict[str, Any]:
    """What the batches must hold, worked out apart from the readers."""
    code = {"calibration": CALIBRATION, "test": TEST}
    return {
        "scores": r.scores.tolist(),
        "label": [MISSING if x is None else x for x in r.label],
        "weight": r.weight,
        "split": [code.get(x, OTHER) for x in r.split],
        "slices": [r.light, r.age, ["true" if x else "false" for x in r.wet]],
    }


def collect(source: Source) -> dict[str, Any]:
    """Read all batches into lists, and check that each is what the contract of a batch says."""
    out: dict[str, Any] = {"scores": [], "label": [], "weight": [], "split": [], "slices": []}
    description = source.description
    for batch in source.batches():
        n = len(batch.label)
        assert batch.start == len(out["label"])
        assert batch.scores.shape == (n, description.n_classes)
        assert batch.scores.dtype in (np.float32, np.float64)
        assert batch.scores.flags.c_contiguous
        assert batch.label.dtype == np.int64
        out["scores"] += batch.scores.tolist()
        out["label"] += batch.label.tolist()
        if batch.weight is not None:
            assert batch.weight.dtype == np.float64
            out["weight"] += batch.weight.tolist()
        if batch.split is not None:
            assert batch.split.dtype == np.int8
            out["split"] += batch.split.tolist()
        out["slices"] = out["slices"] or [[] for _ in batch.slices]
        for values, column in zip(out["slices"], batch.slices, strict=True):
            assert column.dtype in (np.float64, object)
            values += column.tolist()
    return out


def refused(call: Callable[[], object], *said: str) -> DataError:
    """Check that ``call`` raises a DataError that says all this, in the style of the house."""
    with pytest.raises(DataError) as caught:
        call()
    text = str(caught.value)
    assert text.startswith("xent audit: ")
    assert "\n\nhint: " in text
    assert " must " in text
    assert "; got" in text
    for word in said:
        assert word in text
    return caught.value


def read_all(path: Path, columns: Columns = Columns()) -> dict[str, Any]:  # noqa: B008
    return collect(open_table(path, columns))


# What was written comes back.


@pytest.mark.parametrize(("name", "write", "kind"), CASES)
@pytest.mark.parametrize("batch_rows", [1, 7, 10**6])
def test_round_trip(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    write: Callable[[Path, Rows, str], None],
    kind: str,
    batch_rows: int,
) -> None:
    monkeypatch.setattr(table, "BATCH_SCORES", 3 * batch_rows)
    monkeypatch.setattr(csv_reader, "BLOCK", 512)
    r = rows(40, nulls="npz" not in name)
    write(tmp_path / name, r, kind)
    source = open_table(tmp_path / name, EVERYTHING)
    assert collect(source) == expected(r)
    # Batches have the same rows whatever the format, its row groups and its blocks.
    sizes = [len(batch.label) for batch in source.batches()]
    assert sizes == [min(batch_rows, 40 - start) for start in range(0, 40, batch_rows)]
    assert collect(source) == expected(r)


@pytest.mark.parametrize(("name", "write", "kind"), [case for case in CASES if "csv" not in str(case.id)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16", "int64"])
def test_dtypes(tmp_path: Path, name: str, write: Callable[[Path, Rows, str], None], kind: str, dtype: str) -> None:
    if ".tsv" in name:
        pytest.skip("text has no dtype")
    r = rows(20, dtype=dtype)
    write(tmp_path / name, r, kind)
    source = open_table(tmp_path / name, Columns())
    assert source.description.dtype == dtype
    assert {str(batch.scores.dtype) for batch in source.batches()} == {
        "float32" if dtype in ("float16", "float32") else "float64"
    }
    assert collect(source)["scores"] == r.scores.tolist()


def test_mixed_dtypes_of_columns_keep_every_digit(tmp_path: Path) -> None:
    exact = 0.1 + 2**-40
    pq.write_table(
        pa.table({"logits_0": pa.array([0.5], pa.float32()), "logits_1": [exact], "label": [1]}), tmp_path / "a.parquet"
    )
    source = open_table(tmp_path / "a.parquet", Columns())
    assert collect(source)["scores"] == [[0.5, exact]]
    assert source.description.dtype == "float64"


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_round_trip_of_any_table(tmp_path: Path, data: st.DataObject) -> None:
    n, k = data.draw(st.integers(1, 30)), data.draw(st.integers(2, 6))
    name, write, kind = data.draw(st.sampled_from(WRITERS))
    floats = st.floats(allow_nan=False, width=64)
    r = rows(n, k, seed=n)._replace(
        scores=np.array(data.draw(st.lists(floats, min_size=n * k, max_size=n * k))).reshape(n, k),
        weight=data.draw(st.lists(st.floats(0, 1e300), min_size=n, max_size=n)),
        label=data.draw(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=n, max_size=n)),
    )
    path = tmp_path / name
    write(path, r, kind)
    assert collect(open_table(path, EVERYTHING)) == expected(r)


def test_description_of_each_format(tmp_path: Path) -> None:
    r = rows(40)
    said = {}
    for key, (name, write) in ONE_EACH.items():
        path = tmp_path / f"{key}-{name}"
        write(path, r)
        d = open_table(path, EVERYTHING).description
        said[key] = (d.format, d.rows)
        assert (d.name, d.bytes, d.n_classes, d.dtype) == (path.name, path.stat().st_size, 3, "float64")
        assert (d.label_column, d.weight_column, d.split_column) == ("label", "weight", "split")
        assert d.slice_columns == ("light", "age", "wet")
        assert d.logit_columns == ("logits_0 … logits_2" if "csv" in key else "logits")
    assert said == {
        "parquet": ("parquet", 40),
        "file": ("arrow", 40),
        "feather": ("arrow", 40),
        "stream": ("arrow", None),
        "npz": ("npz", 40),
        "npz_packed": ("npz", 40),
        "csv": ("csv", None),
        "csv.gz": ("csv", None),
    }


def test_hash_is_that_of_the_bytes(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", rows(40))
    source = open_table(tmp_path / "a.parquet", Columns())
    assert source.sha256() == hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()


def test_two_passes_at_once_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BATCH_SCORES", 21)
    r = rows(40)
    for name, write in ONE_EACH.values():
        write(tmp_path / name, r)
        source = open_table(tmp_path / name, Columns())
        pairs = zip(source.batches(), source.batches(), strict=True)
        assert all((one.scores == other.scores).all() and one.start == other.start for one, other in pairs)


def test_an_extension_that_is_not_known_leaves_the_content_to_decide(tmp_path: Path) -> None:
    r = rows(8)
    for key, (_, write) in ONE_EACH.items():
        if "csv" in key or "npz" in key:  # text needs its extension; np.savez adds one
            continue
        write(tmp_path / "outputs.bin", r)
        assert read_all(tmp_path / "outputs.bin")["scores"] == r.scores.tolist()


# Layouts of Arrow.


@pytest.mark.parametrize("kind", [*LISTS, "view", "tensor"])
def test_slices_of_arrays_with_offsets(tmp_path: Path, kind: str) -> None:
    r = rows(40, nulls=True)
    t = arrow_table(r, kind).slice(11, 17)
    with pa.ipc.new_file(tmp_path / "a.arrow", t.schema) as writer:
        writer.write_table(t)
    want = {
        key: [column[11:28] for column in value] if key == "slices" else value[11:28]
        for key, value in expected(r).items()
    }
    assert read_all(tmp_path / "a.arrow", EVERYTHING) == want


def test_many_small_record_batches_with_their_own_dictionaries(tmp_path: Path) -> None:
    schema = pa.schema(
        {"logits": pa.list_(pa.float32()), "label": pa.dictionary(pa.int8(), pa.string()), "light": pa.string()}
    )
    names = ["cat", "dog", "eel"]
    with pa.ipc.new_stream(tmp_path / "a.arrows", schema) as writer:
        for i in range(30):
            label = pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array([names[i % 3]]))
            writer.write_batch(
                pa.record_batch([pa.array([[i, 1, 2]], pa.list_(pa.float32())), label, [f"l{i}"]], schema)
            )
    got = read_all(tmp_path / "a.arrows", Columns(classes=("cat", "dog", "eel"), slices=("light", "label")))
    assert got["label"] == [i % 3 for i in range(30)]
    assert got["slices"] == [[f"l{i}" for i in range(30)], [names[i % 3] for i in range(30)]]
    assert got["scores"] == [[i, 1, 2] for i in range(30)]


def test_a_list_column_wins_over_columns_that_begin_so(tmp_path: Path) -> None:
    t = (
        arrow_table(rows(9))
        .append_column("logits.0", pa.array(np.ones(9)))
        .append_column("logits_1", pa.array([7] * 9))
    )
    pq.write_table(t, tmp_path / "a.parquet")
    assert read_all(tmp_path / "a.parquet")["scores"] == rows(9).scores.tolist()


@pytest.mark.parametrize("spelling", ["logits{}", "logits_{}", "logits.{}", "logits[{}]", "logits_{:03d}"])
def test_columns_are_ordered_by_their_numbers(tmp_path: Path, spelling: str) -> None:
    order = [10, 2, 0, 7, 1, 3, 11, 4, 9, 5, 8, 6]
    t = pa.table(
        {"label": [0, 1], **{spelling.format(j): [float(j), -float(j)] for j in order}, "logits_source": ["a", "b"]}
    )
    pq.write_table(t, tmp_path / "a.parquet")
    source = open_table(tmp_path / "a.parquet", Columns())
    assert collect(source)["scores"] == [[float(j) for j in range(12)], [-float(j) for j in range(12)]]
    assert source.description.class_names is None
    assert source.description.logit_columns == f"{spelling.format(0)} … {spelling.format(11)}"


def test_words_at_the_end_of_columns_are_the_names_of_classes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("p_label,p_dog,p_cat,p_eel\ncat,0.1,0.8,0.1\neel,0.2,0.2,0.6\n,0.1,0.2,0.7\n")
    source = open_table(tmp_path / "a.csv", Columns(logits="p_", kind="probs", label="p_label"))
    assert source.description.class_names == ("dog", "cat", "eel")
    assert source.description.kind == "probs"
    got = collect(source)
    assert got["label"] == [1, 2, MISSING]
    assert got["scores"] == [[0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.1, 0.2, 0.7]]


# Labels, splits, slices.


@pytest.mark.parametrize("type_", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_labels_of_every_width_stand_as_in_the_file(tmp_path: Path, type_: str) -> None:
    info = np.iinfo(type_)
    label = [0, 1, None, int(min(info.max, 2**63 - 1)), int(info.min) + 1, 2]
    t = pa.table({"logits": [[1.0, 2.0]] * 6, "label": pa.array(label, getattr(pa, type_)())})
    pq.write_table(t, tmp_path / "a.parquet")
    want = [MISSING if x is None else x for x in label]
    assert read_all(tmp_path / "a.parquet")["label"] == want
    coded = t.set_column(1, "label", t["label"].combine_chunks().dictionary_encode())
    pa.feather.write_feather(coded, str(tmp_path / "a.feather"))
    assert read_all(tmp_path / "a.feather")["label"] == want


TEXTS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int32(), pa.large_string()),
]


@pytest.mark.parametrize("type_", TEXTS, ids=str)
def test_text_of_every_type(tmp_path: Path, type_: Any) -> None:
    words = ["eel", "cat", None, "dog", "cat"]
    column = (
        pa.array(words).cast(type_)
        if not pa.types.is_dictionary(type_)
        else pa.array(words).dictionary_encode().cast(type_)
    )
    split = pa.array(["test", None, "calibration", "Test", "calibration"])
    split = split.dictionary_encode().cast(type_) if pa.types.is_dictionary(type_) else split.cast(type_)
    t = pa.table({"logits": [[1.0, 2.0, 3.0]] * 5, "label": column, "split": split})
    pa.feather.write_feather(t, str(tmp_path / "a.feather"), compression="uncompressed")
    got = read_all(tmp_path / "a.feather", Columns(split="split", slices=("label",), classes=("cat", "dog", "eel")))
    assert got["label"] == [2, 0, MISSING, 1, 0]
    assert got["split"] == [TEST, OTHER, CALIBRATION, OTHER, CALIBRATION]
    assert got["slices"] == [["eel", "cat", "(missing)", "dog", "cat"]]


def test_boolean_labels_are_0_and_1(tmp_path: Path) -> None:
    t = pa.table({"logits": [[1.0, 2.0]] * 3, "label": [True, False, None]})
    pq.write_table(t, tmp_path / "a.parquet")
    assert read_all(tmp_path / "a.parquet")["label"] == [1, 0, MISSING]


def test_slices_of_every_type(tmp_path: Path) -> None:
    from datetime import date, datetime
    from decimal import Decimal

    columns: dict[str, tuple[Any, list[Any]]] = {
        "int": (pa.array([3, None], pa.int8()), [3.0, None]),
        "half": (pa.array([1.5, None], pa.float16()), [1.5, None]),
        "decimal": (pa.array([Decimal("2.25"), None]), [2.25, None]),
        "bool": (pa.array([True, None]), ["true", "(missing)"]),
        "date": (pa.array([date(2024, 2, 29), None]), ["2024-02-29", "(missing)"]),
        "time": (
            pa.array([datetime(2024, 2, 29, 1, 2), None], pa.timestamp("s")),
            ["2024-02-29 01:02:00", "(missing)"],
        ),
        "struct": (pa.array([{"a": 1}, None]), ["{'a': 1}", "(missing)"]),
        "null": (pa.nulls(2), ["(missing)", "(missing)"]),
        "runs": (pa.RunEndEncodedArray.from_arrays([1, 2], ["x", "y"]), ["x", "y"]),
    }
    t = pa.table({"logits": [[1.0, 2.0]] * 2, "label": [0, 1], **{name: array for name, (array, _) in columns.items()}})
    with pa.ipc.new_file(tmp_path / "a.arrow", t.schema) as writer:
        writer.write_table(t)
    got = read_all(tmp_path / "a.arrow", Columns(slices=tuple(columns)))["slices"]
    for (name, (_, want)), values in zip(columns.items(), got, strict=True):
        assert [None if x != x else x for x in values] == want, name


def test_csv_cells(tmp_path: Path) -> None:
    """Integers in a score column may be followed by fractions; nan and inf are numbers; empty is null."""
    text = '\ufefflogits_0,logits_1,label,light,day,big\r\n0,1,1,,2024-01-02,1\r\n\r\nnan,-inf,,"a\nb",,2\r\n'
    more = "".join(f"{i}.5,1e-320,0,x,2024-01-03,2.5\r\n" for i in range(200))
    (tmp_path / "a.csv").write_text(text + more, newline="", encoding="utf-8")
    for block in (128, 2**24):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_reader, "BLOCK", block)
            got = read_all(tmp_path / "a.csv", Columns(slices=("light", "day", "big")))
        assert np.array_equal(got["scores"][:2], np.array([[0, 1], [np.nan, -np.inf]]), equal_nan=True)
        assert got["scores"][2:] == [[i + 0.5, 1e-320] for i in range(200)]
        assert got["label"] == [1, MISSING] + [0] * 200
        assert got["slices"][0][:3] == ["(missing)", "a\nb", "x"]
        assert got["slices"][1][:3] == ["2024-01-02", "(missing)", "2024-01-03"]
        assert got["slices"][2][:3] == [1.0, 2.0, 2.5]


def test_npz_arrays_of_other_kinds(tmp_path: Path) -> None:
    """Big-endian numbers, text as bytes, dates, an array of objects that nobody asked for."""
    np.savez(
        tmp_path / "a.npz",
        logits=np.array([[1, 2], [3, 4]], dtype=">f4"),
        label=np.array([b"b\xc3\xa9", b"a"]),
        when=np.array(["2024-01-02", "NaT"], dtype="datetime64[D]"),
        nothing=np.array(["", ""]),
        junk=np.array([{}, None], dtype=object),
    )
    got = read_all(tmp_path / "a.npz", Columns(classes=("a", "bé"), slices=("when", "nothing")))
    assert got["scores"] == [[1, 2], [3, 4]]
    assert got["label"] == [1, 0]
    assert got["slices"] == [["2024-01-02", "(missing)"], ["", ""]]


# Arrays in memory.


def test_arrays_in_memory() -> None:
    r = rows(40)
    source = ArraySource(
        r.scores,
        np.array(r.label),
        weight=r.weight,
        split=r.split,
        slices={"light": r.light, "age": r.age, "wet": r.wet},
        name="mine",
    )
    assert collect(source) == expected(r)
    assert collect(source) == expected(r)
    d = source.description
    assert (d.name, d.format, d.rows, d.n_classes, d.dtype, d.bytes) == ("mine", "memory", 40, 3, "float64", None)
    assert (d.weight_column, d.split_column, d.slice_columns) == ("weight", "split", ("light", "age", "wet"))
    assert source.sha256() is None


def test_arrays_in_memory_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BATCH_SCORES", 30)
    scores = rows(40, dtype="float32").scores
    batches = list(ArraySource(scores, np.zeros(40, int)).batches())
    assert [batch.start for batch in batches] == [0, 10, 20, 30]
    assert all(np.shares_memory(batch.scores, scores) for batch in batches)
    in_columns = ArraySource(np.asfortranarray(scores), np.zeros(40, int))
    assert collect(in_columns)["scores"] == scores.tolist()


def test_names_in_memory() -> None:
    label: Any = np.array(["b", None, "a"], dtype=object)
    source = ArraySource([[1, 2]] * 3, label, names=["a", "b"], kind="probs", slices={"s": [1.0, np.nan, 2.0]})
    assert collect(source)["label"] == [1, MISSING, 0]
    assert source.description.kind == "probs"
    assert source.description.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"scores": [[1, 2]] * 3, "label": [0, 1]}, ("same length", "got 2 for 'label' and 3 for 'logits'")),
        ({"scores": [1.0, 2.0], "label": [0, 1]}, ("list of numbers a row", "got float64", "(0, z)")),
        ({"scores": np.zeros((2, 2, 2)), "label": [0, 1]}, ("list of numbers a row", "shape (2, 2, 2)")),
        ({"scores": np.zeros((0, 2)), "label": np.zeros(0, int)}, ("at least one row", "got 0 rows")),
        ({"scores": [[1, 2], [3]], "label": [0, 1]}, ("must be an array", "one length")),
        ({"scores": [[1, 2]], "label": [0.0]}, ("class indices", "got float64", "probability")),
        ({"scores": [[1, 2]], "label": 5}, ("one entry a row", "single value")),
        ({"scores": [[1, 2]], "label": [0], "names": ["a"]}, ("--classes", "each of the 2 classes", "got 1 names")),
        ({"scores": [[1, 2]], "label": [0], "names": ["a", "a"]}, ("must differ", "'a' more than once")),
        ({"scores": [[1, 2]], "label": [0], "weight": [-1.0]}, ("finite and not negative", "got -1 at row 0")),
        ({"scores": [[1, 2]], "label": [0], "split": [0]}, ("'calibration' and 'test'", "got int64")),
        ({"scores": [[1, 2]], "label": [0], "slices": {"label": [1]}}, ("names of their own", "'label'")),
        ({"scores": [["x", "y"]], "label": [0]}, ("list of numbers a row", "got str")),
        ({"scores": [[1j, 2]], "label": [0]}, ("list of numbers a row", "complex128")),
    ],
)
def test_arrays_in_memory_that_do_not_fit(arguments: dict[str, Any], said: tuple[str, ...]) -> None:
    refused(lambda: collect(ArraySource(**arguments)), *said)


# Memory.


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 MB of scores are read with less than 8 MB, from Parquet in one row group and from NPZ; Arrow is mapped."""
    monkeypatch.setattr(table, "BATCH_SCORES", 2**18)
    n, k = 160_000, 100
    scores = np.random.default_rng(0).normal(size=(n, k)).astype(np.float32)
    label = np.zeros(n, dtype=np.int64)
    t = pa.table({"logits": lists(scores, "list"), "label": label})
    pq.write_table(t, tmp_path / "a.parquet", row_group_size=n)
    with pa.ipc.new_file(tmp_path / "a.arrow", t.schema) as writer:
        writer.write_table(t, max_chunksize=n)
    np.savez(tmp_path / "a.npz", logits=scores, label=label)
    total = scores.sum(dtype=np.float64)
    usual = pa.default_memory_pool()
    for name, limit in (("a.parquet", 8e6), ("a.arrow", 1e5), ("a.npz", 1e4)):
        pool = pa.proxy_memory_pool(usual)
        pa.set_memory_pool(pool)
        tracemalloc.start()
        try:
            source = open_table(tmp_path / name, Columns())
            got = sum(batch.scores.sum(dtype=np.float64) for batch in source.batches())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            pa.set_memory_pool(usual)
        assert got == pytest.approx(total, rel=1e-9)
        assert pool.max_memory() < limit, name
        assert peak < 8e6, name


def test_memory_of_csv_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BATCH_SCORES", 2**14)
    monkeypatch.setattr(csv_reader, "BLOCK", 2**16)
    line = ",".join(["0.125"] * 50) + ",1\n"
    (tmp_path / "a.csv").write_text(",".join(f"logits_{j}" for j in range(50)) + ",label\n" + line * 100_000)
    usual = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(pool)
    try:
        source = open_table(tmp_path / "a.csv", Columns())
        got = sum(batch.scores.sum() for batch in source.batches())
    finally:
        pa.set_memory_pool(usual)
    assert got == 0.125 * 50 * 100_000
    assert pool.max_memory() < 6e6  # the file has 30 MB, its numbers 40


# What is wrong is said.


def test_files_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "preds.parquet").write_bytes(b"x")
    refused(lambda: open_table(tmp_path / "pred.parquet", Columns()), "no such file", "did you mean 'preds.parquet'?")
    refused(lambda: open_table(tmp_path / "no" / "a.csv", Columns()), "no such file", f"no folder {tmp_path / 'no'}")
    said = str(refused(lambda: open_table(tmp_path, Columns()), "must be a file; got a directory"))
    assert said.count("xent audit: ") == said.count("got") == 1
    monkeypatch.chdir(tmp_path)
    said = str(refused(lambda: open_table(Path(), Columns()), "xent audit: . must be a file; got a directory"))
    assert said.count("xent audit: ") == 1
    (tmp_path / "empty.parquet").touch()
    refused(lambda: open_table(tmp_path / "empty.parquet", Columns()), "empty.parquet", "got an empty file")
    os.mkfifo(tmp_path / "pipe.csv")
    said = str(refused(lambda: open_table(tmp_path / "pipe.csv", Columns()), "regular file", "pipe or device"))
    assert said.count("xent audit: ") == 1
    refused(lambda: open_table(tmp_path / "a\0.csv", Columns()), "null byte")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # root may read everything, so the mode alone proves nothing
    refused(lambda: open_table(tmp_path / "preds.parquet", Columns()), "preds.parquet", "no permission")


CONTENTS = {
    "parquet-as-csv": ("a.csv", parquet, ("a.csv", "the content of Parquet", "rename it to .parquet")),
    "arrow-as-parquet": ("a.parquet", arrow_file, ("the content of Arrow IPC", "rename it to .arrow")),
    "stream-as-npz": ("a.npz", arrow_stream, ("an Arrow IPC stream", "rename it to .arrows")),
    "csv-as-parquet": ("a.parquet", csv_file, ("what its extension says", "got text", "rename it to .csv")),
    "csv-as-txt": ("a.txt", csv_file, ("got text and the extension '.txt'", "rename it to .csv")),
}


@pytest.mark.parametrize("key", CONTENTS)
def test_wrong_extensions(tmp_path: Path, key: str) -> None:
    name, write, said = CONTENTS[key]
    write(tmp_path / name, rows(5))
    refused(lambda: open_table(tmp_path / name, Columns()), *said)


def npy_bytes() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (npy_bytes(), ("a single NumPy array (.npy)", "np.savez")),
        (pickle.dumps([1, 2]), ("a pickle", "never loaded")),
        (gzip.compress(b"x"), ("gzip", "gunzip")),
        (b"FEA1" + bytes(100), ("Feather version 1", "version 2")),
        ("logits_0".encode("utf-16"), ("UTF-16 text", "UTF-8")),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), ("HDF5", "Parquet, Arrow IPC (file, stream, Feather v2), CSV and NPZ")),
        (b"\x07\x00abc", ("unknown content, beginning b'\\x07\\x00abc'", "Parquet, Arrow IPC", "CSV and NPZ")),
        (b'{"a": 1}\n', ("got text", "Parquet, Arrow IPC", "CSV and NPZ")),
    ],
    ids=["npy", "pickle", "gzip", "feather1", "utf16", "hdf5", "unknown", "json"],
)
def test_contents_that_cannot_be_read(tmp_path: Path, content: bytes, said: tuple[str, ...]) -> None:
    for name in ("a.dat", "a.parquet", "a.npz"):
        (tmp_path / name).write_bytes(content)
        refused(lambda name=name: open_table(tmp_path / name, Columns()), name, *said)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"archive/data.pkl": b""}, ("a PyTorch file", "never loaded")),
        ({"[Content_Types].xml": b"", "xl/a.xml": b""}, ("an Office document", "export")),
        ({"readme.txt": b"hello"}, ("a zip archive of 'readme.txt'", "np.savez")),
        ({}, ("a zip archive of none", "np.savez")),
    ],
)
def test_zip_archives_that_are_no_npz(tmp_path: Path, members: dict[str, bytes], said: tuple[str, ...]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    refused(lambda: open_table(tmp_path / "a.zip", Columns()), *said)


def both(tmp_path: Path, t: Any) -> Iterator[Path]:
    """Write a table as Parquet and as an Arrow file."""
    pq.write_table(t, tmp_path / "a.parquet", row_group_size=2)
    with pa.ipc.new_file(tmp_path / "a.arrow", t.schema) as writer:
        writer.write_table(t, max_chunksize=2)
    yield from (tmp_path / "a.parquet", tmp_path / "a.arrow")


THREE = [[1.0, 2.0, 3.0]] * 6
LABELS = [0, 1, 2, 0, 1, 2]
BAD_TABLES: dict[str, tuple[dict[str, Any], Columns, tuple[str, ...]]] = {
    "no rows": (
        {"logits": pa.array([], pa.list_(pa.float32())), "label": pa.array([], pa.int64())},
        Columns(),
        ("at least one row", "got 0 rows"),
    ),
    "no label": (
        {"logits": THREE, "labels": LABELS},
        Columns(),
        ("column 'label'", "got columns 'logits', 'labels'", "did you mean --label labels?"),
    ),
    "no logits": (
        {"scores": THREE, "label": LABELS},
        Columns(),
        ("column 'logits'", "got columns 'scores', 'label'", "did you mean --logits scores?"),
    ),
    "no probs": (
        {"x": LABELS, "label": LABELS},
        Columns(logits="p", kind="probs"),
        ("column 'p'", "with --probs NAME"),
    ),
    "no split": ({"logits": THREE, "label": LABELS}, Columns(split="fold"), ("column 'fold'", "--split NAME")),
    "no weight": ({"logits": THREE, "label": LABELS}, Columns(weight="w"), ("column 'w'", "--weight NAME")),
    "no slice": (
        {"logits": THREE, "label": LABELS, "Light": LABELS},
        Columns(slices=("light",)),
        ("column 'light'", "did you mean --slice Light?"),
    ),
    "many columns": (
        {f"x{i}": LABELS for i in range(99)},
        Columns(logits="x"),
        ("column 'label'", "'x11' and 87 more"),
    ),
    "ragged": (
        {"logits": [*THREE[:4], [1.0, 2.0], [1.0]], "label": LABELS},
        Columns(),
        ("column 'logits'", "hold 3 numbers in every row", "got 2 at row 4"),
    ),
    "null list": (
        {"logits": [*THREE[:5], None], "label": LABELS},
        Columns(),
        ("list in every row", "got null at row 5"),
    ),
    "null at first": ({"logits": [None, *THREE[:5]], "label": LABELS}, Columns(), ("got null at row 0",)),
    "null inside": (
        {"logits": [*THREE[:3], [1.0, 2.0, None], *THREE[:2]], "label": LABELS},
        Columns(),
        ("a number for every class", "got null at row 3", "pandas"),
    ),
    "null inside fixed": (
        {"logits": pa.array([*THREE[:3], [None, 2.0, 3.0], *THREE[:2]], pa.list_(pa.float32(), 3)), "label": LABELS},
        Columns(),
        ("a number for every class", "got null at row 3"),
    ),
    "null in a column": (
        {"logits_0": [1.0] * 6, "logits_1": [1.0, 2.0, 3.0, 4.0, 5.0, None], "label": LABELS},
        Columns(),
        ("column 'logits_1'", "got null at row 5"),
    ),
    "a column of nulls": (
        {"logits_0": [1.0] * 6, "logits_1": pa.nulls(6), "label": LABELS},
        Columns(),
        ("column 'logits_1'", "a number for every class", "got null at row 0"),
    ),
    "one class": ({"logits": [[1.0]] * 6, "label": LABELS}, Columns(), ("at least 2 classes", "got 1", "(0, z)")),
    "one number": (
        {"logits": [1.0] * 6, "label": LABELS},
        Columns(),
        ("list of numbers a row", "got double", "(0, z)"),
    ),
    "one column": ({"logits_0": [1.0] * 6, "label": LABELS}, Columns(), ("at least 2 classes", "'logits_0'", "(0, z)")),
    "no class": ({"logits": [[]] * 6, "label": LABELS}, Columns(), ("numbers a row", ": null>")),
    "text logits": ({"logits": ["a"] * 6, "label": LABELS}, Columns(), ("list of numbers a row", "got string")),
    "lists of text": (
        {"logits": [["a", "b"]] * 6, "label": LABELS},
        Columns(),
        ("list of numbers", ": string>"),
    ),
    "text column": (
        {"logits_0": [1.0] * 6, "logits_1": ["x"] * 6, "logits_2": [1.0] * 6, "label": LABELS},
        Columns(),
        ("score column 'logits_1'", "hold numbers", "got string"),
    ),
    "text among names": (
        {"p_a": [1.0] * 6, "p_b": ["x"] * 6, "p_c": [1.0] * 6, "label": LABELS},
        Columns(logits="p_"),
        ("score column 'p_b'", "hold numbers", "longer prefix than --logits 'p_'"),
    ),
    "only text columns": (
        {"logits_0": ["x"] * 6, "label": LABELS},
        Columns(),
        ("'logits'*", "string in column 'logits_0'"),
    ),
    "a gap": (
        {"logits_0": [1.0] * 6, "logits_1": [1.0] * 6, "logits_3": [1.0] * 6, "label": LABELS},
        Columns(),
        ("numbered 0 to 2", "got 'logits_3' where 2 was expected"),
    ),
    "from one": (
        {"logits_1": [1.0] * 6, "logits_2": [1.0] * 6, "label": LABELS},
        Columns(),
        ("numbered 0 to 1", "got 'logits_1' where 0 was expected", "numbered from 0"),
    ),
    "two spellings": (
        {"logits_0": [1.0] * 6, "logits0": [1.0] * 6, "label": LABELS},
        Columns(),
        ("got 'logits0' where 1 was expected",),
    ),
    "names and numbers": (
        {"logits_0": [1.0] * 6, "logits_1": [1.0] * 6, "logits_max": [1.0] * 6, "label": LABELS},
        Columns(),
        ("all in numbers or all in class names", "got 'logits_max'", "--logits PREFIX"),
    ),
    "float label": (
        {"logits": THREE, "label": [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]},
        Columns(),
        ("label column 'label'", "got double", "probability", ".astype('int64')"),
    ),
    "text label": (
        {"logits": THREE, "label": ["a"] * 6},
        Columns(),
        ("class names", "got string and no names", "--classes a,b,c"),
    ),
    "unknown name": (
        {"logits": THREE, "label": ["cat", "dog", "eel", "cat", "Dgo", "eel"]},
        Columns(classes=("cat", "dog", "eel")),
        ("column 'label'", "got 'Dgo' at row 4", "'cat', 'dog', 'eel'"),
    ),
    "date label": (
        {"logits": THREE, "label": pa.array([0] * 6, pa.date32())},
        Columns(),
        ("class indices", "got date32[day]", "one integer a row"),
    ),
    "huge label": (
        {"logits": THREE, "label": pa.array([0, 1, 2, 2**63, 1, 2], pa.uint64())},
        Columns(),
        ("class indices", "got 9223372036854775808 at row 3"),
    ),
    "too few names": (
        {"logits": THREE, "label": LABELS},
        Columns(classes=("a", "b")),
        ("--classes must name each of the 3 classes", "got 2 names"),
    ),
    "names in another order": (
        {"p_a": [1.0] * 6, "p_b": [1.0] * 6, "label": LABELS},
        Columns(logits="p_", classes=("b", "a")),
        ("in the order of the columns", "got 'b', 'a'", "'a', 'b'"),
    ),
    "number split": (
        {"logits": THREE, "label": LABELS, "split": LABELS},
        Columns(split="split"),
        ("split column 'split'", "'calibration' and 'test'", "got int64"),
    ),
    "negative weight": (
        {"logits": THREE, "label": LABELS, "w": [1.0, 1.0, 1.0, 1.0, -0.5, 1.0]},
        Columns(weight="w"),
        ("column 'w'", "finite and not negative", "got -0.5 at row 4"),
    ),
    "nan weight": (
        {"logits": THREE, "label": LABELS, "w": [1.0, 1.0, 1.0, np.nan, np.inf, 1.0]},
        Columns(weight="w"),
        ("got nan at row 3",),
    ),
    "null weight": (
        {"logits": THREE, "label": LABELS, "w": [1, 1, 1, 1, 1, None]},
        Columns(weight="w"),
        ("got null at row 5", "use 0"),
    ),
    "all null weight": (
        {"logits": THREE, "label": LABELS, "w": pa.nulls(6)},
        Columns(weight="w"),
        ("column 'w'", "got null at row 0"),
    ),
    "text weight": (
        {"logits": THREE, "label": LABELS, "w": ["1"] * 6},
        Columns(weight="w"),
        ("hold numbers", "got string"),
    ),
    "list slice": (
        {"logits": THREE, "label": LABELS},
        Columns(slices=("logits",)),
        ("slice column 'logits'", "one value a row"),
    ),
    "text that is not UTF-8": (
        {"logits": THREE, "label": LABELS, "light": pa.array([b"ok", b"\xff\xfe"] * 3)},
        Columns(slices=("light",)),
        ("can be read", "UTF8"),
    ),
}


@pytest.mark.parametrize("key", BAD_TABLES)
def test_bad_tables(tmp_path: Path, key: str) -> None:
    data, columns, said = BAD_TABLES[key]
    for path in both(tmp_path, pa.table(data)):
        refused(lambda path=path: read_all(path, columns), *said, *([] if "names" in key else [path.name]))  # type: ignore[misc]


def test_columns_of_one_name(tmp_path: Path) -> None:
    t = pa.table([pa.array(THREE), pa.array(LABELS), pa.array(LABELS)], names=["logits", "label", "label"])
    for path in both(tmp_path, t):
        refused(lambda path=path: read_all(path), path.name, "must differ", "2 columns named 'label'")  # type: ignore[misc]
    (tmp_path / "a.csv").write_text("logits_0,logits_1,logits_1,label\n1,2,3,0\n")
    refused(lambda: read_all(tmp_path / "a.csv"), "'logits_1'")


def test_columns_of_one_name_that_nobody_needs(tmp_path: Path) -> None:
    t = pa.table(
        [pa.array(THREE), pa.array(LABELS), pa.array(LABELS), pa.array(LABELS)], names=["logits", "x", "label", "x"]
    )
    for path in both(tmp_path, t):
        assert read_all(path)["label"] == LABELS
    (tmp_path / "a.csv").write_text("x,logits_0,logits_1,x,label\n9,1,2,3,0\n")
    assert read_all(tmp_path / "a.csv")["scores"] == [[1, 2]]


def test_an_error_deep_in_a_file_says_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BATCH_SCORES", 21)
    r = rows(40)
    r.weight[31] = -1.0
    for name, write in ONE_EACH.values():
        write(tmp_path / name, r)
        source = open_table(tmp_path / name, EVERYTHING)
        seen: list[int] = []
        with pytest.raises(DataError, match="got -1 at row 31"):
            seen.extend(batch.start for batch in source.batches())
        assert seen == [0, 7, 14, 21]


def test_rows_that_the_metadata_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path / "a.parquet", rows(40))
    monkeypatch.setattr(ParquetTable, "rows", lambda *_: 41)
    source = open_table(tmp_path / "a.parquet", Columns())
    refused(lambda: collect(source), "the 41 rows it speaks of; got 40")


def test_a_right_that_is_lost_between_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path / "a.parquet", rows(40))
    source = open_table(tmp_path / "a.parquet", Columns())

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    refused(source.sha256, "a.parquet", "no permission")


def test_a_bug_is_not_blamed_on_the_file() -> None:
    with pytest.raises(AttributeError), reading("a.parquet", "a Parquet file"):
        raise AttributeError


def test_a_file_that_changes_between_passes(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", rows(40))
    source = open_table(tmp_path / "a.parquet", Columns())
    parquet(tmp_path / "a.parquet", rows(41))
    refused(lambda: collect(source), "must stay as it is")
    (tmp_path / "a.parquet").unlink()
    refused(lambda: collect(source), "no such file")
    refused(source.sha256, "no such file")


# CSV.

HEAD = "logits_0,logits_1,label,light\n"
GOOD = "0.5,1.5,1,x\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + GOOD * 100 + "1,2\n" + GOOD, ("4 cells in every row", "got 2 at row 100", "comma")),
        (HEAD + GOOD * 100 + "1,2,1,a,b\n", ("4 cells in every row", "got 5 at row 100")),
        (HEAD + GOOD * 100 + "0.5,abc,1,x\n", ("column 'logits_1'", "hold numbers", "got 'abc' at row 100")),
        (HEAD + "0.5,abc,1,x\n" + GOOD, ("column 'logits_1'", "hold numbers", "got 'abc' at row 0")),
        (HEAD + "0.5,,1,x\n" + GOOD, ("column 'logits_1'", "got null at row 0")),
        (HEAD + GOOD * 100 + "0.5,,1,x\n", ("column 'logits_1'", "got null at row 100")),
        (HEAD + GOOD * 100 + "0.5,1,1.0,x\n", ("column 'label'", "hold integers", "got '1.0' at row 100")),
        (HEAD + "0.5,1.5,1.0,x\n", ("label column 'label'", "decimal point", ".astype('int64')")),
        (HEAD + "0.5,1.5,cat,x\n", ("label column 'label'", "got text and no names", "--classes")),
        (HEAD, ("at least one row", "got 0 rows")),
        (HEAD[:-1], ("CSV file that can be read", "Empty CSV file")),
        (HEAD.replace(",", ";") + GOOD.replace(",", ";"), ("separated by commas", "'logits_0;logits_1;label;light'")),
        (HEAD + '0.5,1.5,1,"x\n' + GOOD * 100, ("at most 256 bytes", "quote that is never closed")),
        (HEAD + GOOD * 100 + '0.5,1.5,1,"x\n', ()),
    ],
)
def test_bad_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: tuple[str, ...]) -> None:
    monkeypatch.setattr(csv_reader, "BLOCK", 256)
    (tmp_path / "a.csv").write_text(text)
    if said:
        refused(lambda: read_all(tmp_path / "a.csv", Columns(slices=("light",))), "a.csv", *said)
    else:  # a quote that the end of the file closes
        assert read_all(tmp_path / "a.csv", Columns(slices=("light",)))["slices"][0][-1] == "x\n"


@pytest.mark.parametrize("place", ["first", "later", "header"])
def test_csv_that_is_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(csv_reader, "BLOCK", 256)
    umlaut = "0.5,1.5,1,Jürgen\n".encode("latin-1")
    text = {
        "first": HEAD.encode() + umlaut,
        "later": HEAD.encode() + GOOD.encode() * 100 + umlaut,
        "header": "logits_0,logits_1,label,lüght\n".encode("latin-1") + GOOD.encode(),
    }[place]
    (tmp_path / "a.csv").write_bytes(text)
    error = refused(lambda: read_all(tmp_path / "a.csv", Columns(slices=("light",))), "a.csv")
    assert "utf" in str(error).lower()


# NPZ.


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


BAD_NPZ: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "lengths": (
        {"logits": np.zeros((5, 3)), "label": np.zeros(4, int)},
        ("same length", "got 4 for 'label' and 5 for 'logits'"),
    ),
    "objects": (
        {"logits": np.zeros((2, 3)), "label": np.array([0, None], dtype=object)},
        ("column 'label'", "pickled objects", "which can run code"),
    ),
    "object logits": ({"logits": np.array([[1], None], dtype=object), "label": [0, 1]}, ("got pickled objects",)),
    "fortran": (
        {"logits": np.asfortranarray(np.zeros((4, 3))), "label": np.zeros(4, int)},
        ("array 'logits'", "C order", "Fortran order", "np.ascontiguousarray"),
    ),
    "one axis": (
        {"logits": np.zeros(4), "label": np.zeros(4, int)},
        ("list of numbers a row", "got float64", "(0, z)"),
    ),
    "three axes": ({"logits": np.zeros((4, 2, 2)), "label": np.zeros(4, int)}, ("shape (4, 2, 2)",)),
    "one class": ({"logits": np.zeros((4, 1)), "label": np.zeros(4, int)}, ("at least 2 classes", "got 1")),
    "label axes": ({"logits": np.zeros((4, 2)), "label": np.zeros((4, 1), int)}, ("got int64 of shape (4, 1)",)),
    "no axes": ({"logits": np.zeros((4, 2)), "label": np.int64(3)}, ("got int64 of shape ()",)),
    "complex": ({"logits": np.zeros((4, 2), complex), "label": np.zeros(4, int)}, ("got complex128 of shape (4, 2)",)),
    "no rows": ({"logits": np.zeros((0, 2)), "label": np.zeros(0, int)}, ("at least one row", "got 0 rows")),
    "unnamed": ({"arr_0": np.zeros((4, 2)), "arr_1": np.zeros(4, int)}, ("'arr_0', 'arr_1'", "--logits arr_0")),
    "bytes": (
        {"logits": np.zeros((1, 2)), "label": np.array([b"\xff"])},
        ("'label'", "UTF-8"),
    ),
}


@pytest.mark.parametrize("key", BAD_NPZ)
def test_bad_npz(tmp_path: Path, key: str) -> None:
    arrays, said = BAD_NPZ[key]
    path = save(tmp_path / "a.npz", **arrays)
    refused(lambda: read_all(path, Columns(classes=("a", "b") if key == "bytes" else None)), "a.npz", *said)


def test_npz_members_that_lie(tmp_path: Path) -> None:
    """A header that promises more than there is, two arrays of one name, a version that does not exist."""
    good = save(tmp_path / "good.npz", logits=np.zeros((4, 2)), label=np.zeros(4, int))
    with zipfile.ZipFile(good) as archive:
        logits, label = archive.read("logits.npy"), archive.read("label.npy")

    def write(*members: tuple[str, bytes]) -> Path:
        with pytest.MonkeyPatch.context() as patch, zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            patch.setattr("warnings.warn", lambda *_, **__: None)  # zipfile warns of the second name
            for name, content in members:
                archive.writestr(name, content)
        return tmp_path / "a.npz"

    path = write(("logits.npy", logits.replace(b"(4, 2)", b"(9, 2)")), ("label.npy", label))
    refused(lambda: read_all(path), "array 'logits'", "as its header says", "got 192")
    path = write(("logits.npy", logits), ("label.npy", label), ("label.npy", label))
    refused(lambda: read_all(path), "2 columns named 'label'")
    path = write(("logits.npy", logits[:6] + b"\x07" + logits[7:]), ("label.npy", label))
    refused(lambda: read_all(path), "version (7, 0)")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logits.npy", logits.replace(b"(4, 2)", b"(9, 2)"))
        archive.writestr("label.npy", label.replace(b"(4,)", b"(9,)"))
        for info, size in zip(archive.infolist(), (16, 8), strict=True):
            info.file_size = 128 + 9 * size  # what the directory at the archive's end says
    refused(lambda: read_all(path), "must be whole", "bytes where")


def test_npz_with_text_of_no_length(tmp_path: Path) -> None:
    out = io.BytesIO()
    np.save(out, np.array(["", ""]))
    with zipfile.ZipFile(save(tmp_path / "a.npz", logits=np.zeros((2, 2)), label=np.arange(2)), "a") as archive:
        archive.writestr("light.npy", out.getvalue()[:-8].replace(b"<U1", b"<U0"))
    assert read_all(tmp_path / "a.npz", Columns(slices=("light",)))["slices"] == [["", ""]]


def test_npz_with_a_header_of_version_2(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, array in (("logits", rows(4).scores), ("label", np.arange(4))):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, version=(2, 0))
    assert read_all(tmp_path / "a.npz")["scores"] == rows(4).scores.tolist()


# Damage.


def damaged(path: Path, content: bytes, columns: Columns) -> dict[str, Any] | None:
    """Read a damaged file: its rows, or None where it was refused. Anything but a DataError fails the test."""
    path.unlink(missing_ok=True)  # much faster than to write over it
    path.write_bytes(content)
    try:
        return read_all(path, columns)
    except DataError as error:
        assert str(error).startswith("xent audit: ")
        assert error.hint
        return None


@pytest.mark.parametrize("key", [key for key in ONE_EACH if key != "csv"])
def test_a_file_that_was_cut_off_is_refused_wherever_it_ends(tmp_path: Path, key: str) -> None:
    name, write = ONE_EACH[key]
    write(tmp_path / name, rows(30))
    whole = (tmp_path / name).read_bytes()
    for end in {*range(0, len(whole), 11), *range(len(whole) - 40, len(whole))}:
        assert damaged(tmp_path / name, whole[:end], EVERYTHING) is None, end


def test_a_csv_that_was_cut_off(tmp_path: Path) -> None:
    """A cut within a row is seen by its missing cells. One at the end of a row, or within its last cell, is not."""
    r = rows(12)
    text = csv_text(r).encode()
    want = expected(r)
    header = text.index(b"\n") + 1
    seen = 0
    for end in range(header + 1, len(text)):
        got = damaged(tmp_path / "a.csv", text[:end], Columns(weight="weight", split="split"))
        row = text[header:end].split(b"\n")[-1]
        if row and row.count(b",") < text[:header].count(b",") - row.count(b'"'):
            assert got is None, row
        if got is not None:
            seen += 1
            n = len(got["label"])
            assert n in (text[header:end].count(b"\n"), text[header:end].count(b"\n") + 1)
            assert all(got[name] == want[name][:n] for name in ("scores", "label", "weight", "split"))
    assert seen >= 12


@pytest.mark.parametrize(("end", "noted"), [("\n", False), ("\r\n", False), ("", True), ("\n ", True)])
def test_a_csv_that_does_not_end_with_a_newline_is_noted(tmp_path: Path, end: str, noted: bool) -> None:
    text = "logit_0,logit_1,label,more\n" + "\n".join(f"{i},0.5,{i % 2},x" for i in range(20)) + end
    (tmp_path / "a.csv").write_text(text if end != "\n " else text.replace("\n ", "\n20,0.5,0,"), newline="")
    source = open_table(tmp_path / "a.csv", Columns(logits="logit_"))
    said = "The file does not end with a newline: its last row may be cut off."
    assert source.description.notes == ((said,) if noted else ())
    shown = [check for check in audit(source).result["checks"] if check["name"] == "Whole file"]
    assert shown == ([{"name": "Whole file", "status": "warning", "detail": said}] if noted else [])


@pytest.mark.parametrize("key", ONE_EACH)
def test_a_whole_file_has_no_notes(tmp_path: Path, key: str) -> None:
    name, write = ONE_EACH[key]
    write(tmp_path / name, rows(30))
    assert open_table(tmp_path / name, EVERYTHING).description.notes == ()


@pytest.mark.parametrize("write", [npz, npz_packed])
def test_no_flipped_byte_of_an_npz_changes_a_value_unseen(tmp_path: Path, write: Callable[[Path, Rows], None]) -> None:
    r = rows(6)
    write(tmp_path / "a.npz", r)
    whole = (tmp_path / "a.npz").read_bytes()
    refusals = 0
    for place in range(0, len(whole), 3):
        content = bytearray(whole)
        content[place] ^= 0xFF
        got = damaged(tmp_path / "a.npz", bytes(content), EVERYTHING)
        refusals += got is None
        assert got in (None, expected(r)), place
    assert refusals > len(whole) // 6


def test_an_arrow_stream_followed_by_another(tmp_path: Path) -> None:
    arrow_stream(tmp_path / "a.arrows", rows(8))
    content = (tmp_path / "a.arrows").read_bytes()
    (tmp_path / "a.arrows").write_bytes(content * 2)
    refused(lambda: read_all(tmp_path / "a.arrows"), "one Arrow stream", f"{len(content)} bytes after its end")


def test_a_parquet_file_with_damaged_pages(tmp_path: Path) -> None:
    pq.write_table(arrow_table(rows(500)), tmp_path / "a.parquet", write_page_checksum=True)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[3000] ^= 1
    (tmp_path / "a.parquet").write_bytes(bytes(content))
    refused(lambda: read_all(tmp_path / "a.parquet"), "a.parquet", "a Parquet file that can be read")


def test_without_pyarrow(tmp_path: Path) -> None:
    """NPZ needs NumPy only; anything else says what to install. Importing the readers loads no pyarrow."""
    r = rows(5)
    npz(tmp_path / "a.npz", r)
    parquet(tmp_path / "a.parquet", r)
    csv_file(tmp_path / "a.csv", r)
    code = """
import sys
from pathlib import Path
from xent.audit.readers import Columns, open_table
assert "pyarrow" not in sys.modules
sys.modules["pyarrow"] = None
print(next(open_table(Path("a.npz"), Columns()).batches()).scores.tolist())
for name in ("a.parquet", "a.csv"):
    try:
        open_table(Path(name), Columns())
    except Exception as error:
        print(type(error).__name__, str(error).replace("\\n", " "))
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(entry).resolve()) for entry in sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    scores, *errors = done.stdout.splitlines()
    assert scores == str(r.scores.tolist())
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("DataError xent audit: pyarrow must be installed")
        assert "hint: pip install 'xent[audit]'" in error
