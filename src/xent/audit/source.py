"""What the audit reads: batches of rows, as often as it asks, never the whole table at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Kind = Literal["logits", "probs"]

#: Called with the name of a pass, rows done, and rows in all (None: not known yet).
Progress = Callable[[str, int, int | None], None]

#: The label of a row that has none (null in the file); no class, and no sensible ignore_index.
MISSING = np.iinfo(np.int64).min

#: Codes of a split column. Rows of another split (say "train") are left out and counted.
CALIBRATION, TEST, OTHER = 0, 1, 2


class Batch(NamedTuple):
    """Consecutive rows of a table.

    ``scores`` is (n, K), float32 or float64, class axis contiguous: logits, or probabilities where the source's kind
    says so. ``label`` is (n,) int64: class indices as they stand in the file, in range or not; MISSING for null.
    ``weight`` is (n,) float64, finite and ≥ 0. ``split`` is (n,) int8 of CALIBRATION, TEST, OTHER. ``slices`` holds for
    each wanted column its values, (n,): float64 for numbers (NaN for null), object (str) for anything else ("(missing)"
    for null).
    """

    start: int
    scores: NDArray[Any]
    label: NDArray[np.int64]
    weight: NDArray[np.float64] | None
    split: NDArray[np.int8] | None
    slices: tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Description:
    """What is known of a source before its rows are read; the fields of ``source`` in the audit's result.

    ``notes`` are sentences on what may be wrong with it; the audit shows them among its checks.
    """

    name: str
    format: str
    kind: Kind
    rows: int | None
    n_classes: int
    dtype: str
    label_column: str | None
    logit_columns: str
    weight_column: str | None
    split_column: str | None
    slice_columns: tuple[str, ...]
    class_names: tuple[str, ...] | None
    bytes: int | None = None
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """A table of a classifier's outputs that can be read again and again."""

    @property
    def description(self) -> Description:
        """What is known before any row is read."""
        ...

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in the order of the file; every call starts anew and yields the same."""
        ...

    def sha256(self) -> str | None:
        """Return the hash of the file's bytes (slow: reads them all), None where there is no file."""
        ...
