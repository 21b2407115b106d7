"""Which columns of a table are the scores, the label and the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from xent.audit.readers.problems import bad, closest, listing
from xent.audit.source import Kind
from xent.errors import DataError

FieldKind = Literal["int", "float", "bool", "text", "null", "vector", "objects", "other"]

TWO_CLASSES = (
    "a binary classifier needs two: one logit z of the positive class is the row (0, z), "
    "one probability p the row (1 - p, p)"
)


@dataclass(frozen=True)
class Columns:
    """What the user said about the columns.

    ``logits`` is the name of a list column (NPZ: of a 2-D array) or the common prefix of one column a class; ``kind``
    says what the numbers are. ``label`` is None where none is to be read. ``classes`` are the classes' names, in the
    order of the logits.
    """

    logits: str = "logits"
    kind: Kind = "logits"
    label: str | None = "label"
    split: str | None = None
    weight: str | None = None
    slices: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None

    @property
    def flag(self) -> str:
        """The flag by which the score columns were named."""
        return f"--{self.kind}"


class Field(NamedTuple):
    """A column of a file: ``type`` is its format's own word; ``dtype`` NumPy's word for its (elements') numbers."""

    name: str
    kind: FieldKind
    type: str
    dtype: str = ""


@dataclass(frozen=True)
class Layout:
    """The columns that are read. ``scores`` is one vector column, or one number column a class."""

    scores: tuple[str, ...]
    is_vector: bool
    label: str | None
    split: str | None
    weight: str | None
    slices: tuple[str, ...]
    classes: tuple[str, ...] | None
    dtype: str | None

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column that is read, once."""
        others = (self.label, self.split, self.weight, *self.slices)
        return tuple(dict.fromkeys((*self.scores, *(name for name in others if name is not None))))


def choose(file: str, fields: Sequence[Field], columns: Columns) -> Layout:
    """Find the columns that the user named, having checked that each is there once and has a type that can be used."""
    by_name = {field.name: field for field in fields}
    counts: dict[str, int] = {}
    for field in fields:
        counts[field.name] = counts.get(field.name, 0) + 1

    def find(name: str, flag: str) -> Field:
        if name not in by_name:
            near = closest(name, list(by_name))
            hint = f"did you mean {flag} {near}?" if near else f"name the column with {flag} NAME"
            raise bad(f"column {name!r} must be in {file}; got columns {listing(by_name)}", hint)
        return by_name[name]

    if len(fields) == 1 and any(mark in fields[0].name for mark in ";\t"):
        raise bad(
            f"cells of {file} must be separated by commas (in a .tsv file by tabs); got one column {fields[0].name!r}",
            "write it again with commas, or rename a table with tabs to .tsv",
        )
    others = {columns.label, columns.split, columns.weight, *columns.slices}
    scores, suffixes, is_vector = _scores(file, fields, columns, others)
    label = find(columns.label, "--label") if columns.label is not None else None
    split = find(columns.split, "--split") if columns.split is not None else None
    weight = find(columns.weight, "--weight") if columns.weight is not None else None
    slices = [find(name, "--slice") for name in columns.slices]

    wanted = [*scores, *(field for field in (label, split, weight) if field is not None), *slices]
    for field in wanted:
        if counts[field.name] > 1:
            raise bad(
                f"column names of {file} must differ; got {counts[field.name]} columns named {field.name!r}",
                "rename one of them",
            )
        if field.kind == "objects":
            raise bad(
                f"column {field.name!r} of {file} must be plain numbers or text; got {field.type}",
                "objects would have to be unpickled, which can run code; save it with .astype(str) or as numbers",
            )
    classes = class_names(columns.classes, suffixes, f"columns of {file}")
    if label:
        _check_label(file, label, classes is not None)
    if split and split.kind not in ("text", "null"):
        raise bad(
            f"split column {split.name!r} of {file} must hold the words 'calibration' and 'test'; got {split.type}",
            "write the words; rows with any other word, say 'train', are left out",
        )
    if weight and weight.kind not in ("int", "float", "null"):
        raise bad(
            f"weight column {weight.name!r} of {file} must hold numbers; got {weight.type}",
            "a weight is a finite number that is not negative",
        )
    for field in slices:
        if field.kind == "vector":
            raise bad(
                f"slice column {field.name!r} of {file} must hold one value a row; got {field.type}",
                "name a column of numbers, booleans or text",
            )
    dtypes = {field.dtype for field in scores}
    return Layout(
        scores=tuple(field.name for field in scores),
        is_vector=is_vector,
        label=columns.label,
        split=columns.split,
        weight=columns.weight,
        slices=columns.slices,
        classes=classes,
        dtype=dtypes.pop() if len(dtypes) == 1 else None,
    )


def class_names(given: Sequence[str] | None, suffixes: Sequence[str] | None, where: str) -> tuple[str, ...] | None:
    """Return the classes' names: those given, else those in the names of the columns; None where there are neither."""
    names = given if given is not None else suffixes
    if names is None:
        return None
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise bad(f"class names must differ; got {twice!r} more than once", "every class needs a name of its own")
    if given is not None and suffixes is not None and set(given) == set(suffixes) and tuple(given) != tuple(suffixes):
        raise bad(
            f"--classes must give the names in the order of the {where}; got {listing(given)}",
            f"the columns' order is {listing(suffixes)}; leave --classes out to use it",
        )
    return tuple(names)


def check_number_of_names(names: Sequence[str] | None, n_classes: int, file: str) -> None:
    """Check that there is a name for every class."""
    if names is not None and len(names) != n_classes:
        raise bad(
            f"--classes must name each of the {n_classes} classes of {file}; got {len(names)} names",
            "give one name for every logit, in the order of the logits",
        )


def _scores(
    file: str, fields: Sequence[Field], columns: Columns, others: set[str | None]
) -> tuple[list[Field], list[str] | None, bool]:
    """Return the score columns in the order of the classes.

    Also the classes' names if the columns' names hold them, and whether it is one column of vectors.
    """
    exact = [field for field in fields if field.name == columns.logits]
    if exact and exact[0].kind == "vector":
        return exact, None, True
    if exact:
        number = exact[0].kind in ("int", "float")
        raise bad(
            f"score column {columns.logits!r} of {file} must hold a list of numbers a row, one for every class; "
            f"got {exact[0].type}",
            TWO_CLASSES if number else "write a column of lists of float32, or one number column a class",
        )
    found = [field for field in fields if field.name.startswith(columns.logits) and field.name not in others]
    numbers = [field for field in found if field.kind in ("int", "float", "null")]
    if not numbers:
        raise _found_none(file, fields, columns, found)
    indices = [class_number(field.name[len(columns.logits) :]) for field in numbers]
    numbered = all(index is not None for index in indices)
    for field in found:
        # Text beside numbered columns (logits_source) is no class; text in the place of a class is a mistake.
        if field not in numbers and (not numbered or class_number(field.name[len(columns.logits) :]) is not None):
            raise bad(
                f"score column {field.name!r} of {file} must hold numbers; got {field.type}",
                f"cast it, or pass a longer prefix than {columns.flag} {columns.logits!r} if it is no class",
            )
    if len(numbers) == 1:
        raise bad(
            f"{columns.kind} of {file} must have at least 2 classes; got 1, column {numbers[0].name!r}", TWO_CLASSES
        )
    if numbered:
        order = sorted(range(len(numbers)), key=lambda i: indices[i] or 0)
        for place, i in enumerate(order):
            if indices[i] != place:
                raise bad(
                    f"columns {columns.logits!r}* of {file} must be numbered 0 to {len(numbers) - 1} without a gap; "
                    f"got {numbers[i].name!r} where {place} was expected",
                    "classes are numbered from 0, as labels are: rename the columns",
                )
        return [numbers[i] for i in order], None, False
    if any(index is not None for index in indices):
        odd = [field.name for field, index in zip(numbers, indices, strict=True) if index is None]
        raise bad(
            f"columns {columns.logits!r}* of {file} must end all in numbers or all in class names; "
            f"got {listing(odd, 4)} beside numbered ones",
            f"pass a prefix that only the classes have, {columns.flag} PREFIX, or rename the others",
        )
    # Two spellings of a number (x_1, x1) were caught as a gap above; here every suffix is a word, kept in file order.
    return numbers, [re.sub(r"^[\s_.:/-]+", "", field.name[len(columns.logits) :]) for field in numbers], False


def _found_none(file: str, fields: Sequence[Field], columns: Columns, found: Sequence[Field]) -> DataError:
    """Return the error for scores that are not there."""
    if found:
        return bad(
            f"score columns {columns.logits!r}* of {file} must hold numbers; "
            f"got {found[0].type} in column {found[0].name!r}",
            "write a column of lists of float32, or one number column a class",
        )
    names = [field.name for field in fields]
    vectors = [field.name for field in fields if field.kind == "vector"]
    near = vectors[0] if len(vectors) == 1 else closest(columns.logits, names)
    return bad(
        f"column {columns.logits!r} (or columns that begin so) must be in {file}; got columns {listing(names)}",
        f"did you mean {columns.flag} {near}?"
        if near
        else f"name the list column, or the common prefix of one column a class, with {columns.flag} NAME",
    )


def class_number(suffix: str) -> int | None:
    """Return the number of a column named prefix_7, prefix7 or prefix[7]; None where the suffix is a word."""
    match = re.fullmatch(r"[\s_.:/\[(-]*([0-9]{1,9})[\])]?", suffix)
    return int(match[1]) if match else None


def _check_label(file: str, label: Field, has_names: bool) -> None:
    if label.kind in ("int", "bool", "null") or (label.kind == "text" and has_names):
        return
    rule = f"label column {label.name!r} of {file} must hold class indices (integers) or class names"
    if label.kind == "text":
        raise bad(
            f"{rule} that are known; got {label.type} and no names",
            "give the names in the order of the logits: --classes a,b,c",
        )
    if label.kind == "float":
        raise bad(
            f"{rule}; got {label.type}",
            "a float is often a probability or a regression target; if these are class indices cast them: "
            ".astype('int64'), or 'Int64' in pandas where some are missing",
        )
    raise bad(f"{rule}; got {label.type}", "store one integer a row")
