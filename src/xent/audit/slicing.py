"""Slices: from a column's values to the names of the slices they fall into."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.audit.options import SliceSpec
from xent.audit.sketch import SmallestKeys, uniform_keys
from xent.audit.statistics import SliceTable
from xent.errors import DataError

#: Numbers of at most so many values are slices themselves.
_FEW = 12
_SAMPLE = 100_000
_MISSING = "(missing)"


class Slicer:
    """Learns in the first pass how a column is to be cut, and names the slice of each value in the last."""

    def __init__(self, spec: SliceSpec, seed: int) -> None:
        self.spec = spec
        self._seed = seed
        self._sample = SmallestKeys(_SAMPLE)
        self._words: set[str] = set()
        self._numeric = True
        self._edges: NDArray[np.float64] | None = None
        self._digits = 6
        self.kind = "values"

    @property
    def sampled(self) -> bool:
        """Whether the quantiles come from a sample of the rows."""
        return self.kind == "quantiles" and not self._sample.complete

    def learn(self, rows: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Look at values in the first pass."""
        if values.dtype == object:
            self._numeric = False
            self._words.update(values.tolist())
            if len(self._words) > SliceTable.MAX_VALUES:
                raise too_many(self.spec.column)
        else:
            self._sample.add(uniform_keys(rows, self._seed), values)

    def settle(self) -> None:
        """Decide the bins, after the first pass."""
        spec = self.spec
        if not self._numeric:
            if spec.edges or spec.quantiles:
                raise DataError(
                    "xent audit",
                    f"slice column {spec.column!r} must hold numbers to be binned; it holds text",
                    f"--slice {spec.column} takes it by value",
                )
            return
        if spec.edges is not None:
            self._edges, self.kind = np.array(spec.edges), "edges"
            self._digits = _digits_to_tell(self._edges)
            return
        values = self._sample.columns[0] if self._sample.columns else np.empty(0)
        values = values[np.isfinite(values)]
        few = np.unique(values)
        if spec.quantiles is None and len(few) <= _FEW:
            self._digits = _digits_to_tell(few)
            return
        n = spec.quantiles or 4
        inner = np.quantile(values, np.arange(1, n) / n) if len(values) else np.empty(0)
        self._edges, self.kind = np.unique(inner), "quantiles"
        self._digits = _digits_to_tell(self._edges)

    def names(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the name of each value's slice."""
        if values.dtype == object:
            return values
        if self._edges is None:
            return np.array([_MISSING if v != v else self._text(v) for v in values.tolist()], dtype=object)
        bounds = ["-∞", *(self._text(edge) for edge in self._edges.tolist()), "∞"]
        labels = [f"[{low}, {high})" for low, high in pairwise(bounds)]
        labels[0] = f"< {bounds[1]}" if len(labels) > 1 else "all"
        labels[-1] = f"≥ {bounds[-2]}" if len(labels) > 1 else "all"
        where = np.searchsorted(self._edges, values, side="right")
        where[np.isnan(values)] = len(labels)
        return np.array([*labels, _MISSING], dtype=object)[where]

    def _text(self, value: float) -> str:
        return f"{value + 0.0:.{self._digits}g}"  # + 0.0 makes -0 a 0


def _digits_to_tell(values: NDArray[np.float64]) -> int:
    """Return with how many digits, 6 or more, these different numbers are written differently."""
    return next(d for d in range(6, 18) if d == 17 or len({f"{v:.{d}g}" for v in values.tolist()}) == len(values))


def too_many(column: str) -> DataError:
    """Return the error for a column of too many values."""
    return DataError(
        "xent audit",
        f"slice column {column!r} must have at most {SliceTable.MAX_VALUES} values; it has more",
        "an identifier is no slice; group its values, bin numbers with COLUMN:q5, reduce dates to months",
    )
