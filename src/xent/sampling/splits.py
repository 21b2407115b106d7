"""Splits, and folds, that keep groups and near-identical rows on one side; and the check of a split made elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import DtypeError, OptionError, ShapeError
from xent.kernels.numpy import mix64
from xent.sampling.allotment import allot
from xent.sampling.duplicates import Sets, linked_rows, numbered

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """A division of rows into named sides; ``split["train"]`` gives the rows of a side.

    ``names`` are the sides, ``sizes`` their shares as asked; ``side`` (n,) is the number of each row's side. ``sets``
    (n,) numbers what was kept together: two rows of one number share a group, or are near-identical, or are connected
    by a chain of such rows. ``classes`` (K,) are the labels, and ``shares`` (sides, K) says how much of each class
    each side got. ``reasons`` says in words what stood in the way of the sizes asked for.
    """

    names: tuple[str, ...]
    sizes: tuple[float, ...]
    side: Int64
    sets: Int64
    classes: Array
    shares: Float64
    reasons: tuple[str, ...]

    def __getitem__(self, name: str) -> Int64:
        """Return the rows of a side, in order."""
        if name not in self.names:
            raise OptionError("Split", f"a side must be one of {list(self.names)}; got {name!r}")
        return np.flatnonzero(self.side == self.names.index(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def keys(self) -> tuple[str, ...]:
        """Return the sides' names, so that ``dict(split)`` is what it looks like."""
        return self.names

    @property
    def labels(self) -> NDArray[np.str_]:
        """The name of each row's side (n,), a column for a table such as ``xent audit --split`` reads."""
        return np.array(self.names)[self.side]

    def __str__(self) -> str:
        counts = np.bincount(self.side, minlength=len(self.names))
        held = np.bincount(self.sets)
        joined = held[held > 1]
        lines = [
            f"{name}: {count:,} rows, {count / len(self.side):.2%} of {size:.2%} asked; "
            f"of each class {row.min():.2%} to {row.max():.2%}"
            for name, count, size, row in zip(self.names, counts, self.sizes, self.shares, strict=True)
        ]
        if len(joined):
            lines.append(
                f"kept together: {joined.sum():,} rows in {len(joined):,} sets of 2 to {joined.max():,} rows; "
                f"{len(held) - len(joined):,} rows alone"
            )
        return "\n".join([*lines, *self.reasons])


def split(
    target: ArrayLike | int,
    *,
    sizes: Mapping[str, float] | None = None,
    groups: ArrayLike | None = None,
    near: ArrayLike | None = None,
    tolerance: float = 0.0,
    method: str = "balanced",
    seed: int = 0,
) -> Split:
    """Divide rows into sides that no group, and no set of near-identical rows, crosses; stratified by class.

    Parameters
    ----------
    target
        Labels (n,), integers or strings, by which the split is stratified; or n, the number of rows, for none.
    sizes
        Share of the rows for each side, each above 0, their sum 1. Default: train 0.6, calibration 0.2, test 0.2.
    groups
        Group of each row (n,), numbers or strings: patient, scene, source, perceptual hash. Several groupings are
        columns of (n, m): rows that share a group of any column stay together.
    near
        Features, embeddings or logits (n, d) by which near-identical rows are found, see :func:`near_duplicates`.
    tolerance
        The distance up to which rows of ``near`` count as near-identical; 0: equal rows only.
    method
        ``"balanced"``: sides have the sizes asked for, in all and within each class, as well as the sets allow.
        ``"hashed"``: each set's side is drawn from a hash of its group and the seed, whatever the other rows are. The
        sizes hold on average only, but a row never changes its side when rows are added; see Notes.
    seed
        Integer ≥ 0; the result depends on nothing else. Other seeds give other splits.

    Returns
    -------
    A :class:`Split`.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        Lengths that differ; labels or groups that cannot be compared, or are missing; sizes that are not shares whose
        sum is 1; fewer sets of rows than sides.

    Notes
    -----
    Rows are joined transitively: if a and b are near-identical, and b and c are of one group, all three lie on one
    side. What no given group and no tolerance shows is not kept together.

    ``"balanced"`` places the sets from the largest to the smallest, each where it keeps Σ_s Σ_k (share of class k on
    side s - size_s)² / size_s smallest, the share of all rows counting as much as a quarter of the classes; sets with
    the same rows of each class are placed at once. Then the 500 smallest of several rows are moved and exchanged as
    long as that helps. Without groups every class, and the whole, is divided to within two rows. It takes O(n log n),
    and some 20 µs for each kind of set.

    ``"hashed"`` takes the group of the set's first row (of the first column, if there are several), as text, so that
    the number 7 and the text "7" are the same; without groups the row's number. So rows must be appended, not inserted,
    where there are no groups. A set moves only if a new row joins it to an earlier one. The share of a side differs
    from its size by about √(size (1 - size) Σ n_g²) / n for sets of n_g rows. A side may be empty.

    Examples
    --------
    >>> from xent.sampling import split
    >>> parts = split([0, 0, 0, 0, 1, 1, 1, 1], sizes={"fit": 0.5, "test": 0.5}, groups=[1, 1, 2, 2, 3, 3, 4, 4])
    >>> parts["fit"], parts.shares
    (array([2, 3, 4, 5]), array([[0.5, 0.5],
           [0.5, 0.5]]))
    """
    function = "split"
    sizes = {"train": 0.6, "calibration": 0.2, "test": 0.2} if sizes is None else sizes
    names, shares = _sides(function, sizes)
    _validate.choice(function, "method", method, ("balanced", "hashed"), "hashed keeps each row's side as data grow")
    classes, labels = _labels(function, target)
    together, columns = _joined(function, len(labels), groups, near, tolerance)
    sets = numbered(together)
    n_sets = int(sets.max(initial=-1)) + 1
    if n_sets < len(names):
        kept = " that must be kept together" if groups is not None or near is not None else ""
        raise OptionError(
            function,
            f"sizes must name at most as many sides as there are sets of rows{kept}; "
            f"got {len(names)} sides for {n_sets} sets of {len(labels)} rows",
            "ask for fewer sides, or collect more groups" if groups is not None else "ask for fewer sides",
        )
    seed = _validate.seed(function, seed)
    if method == "hashed":
        first = np.flatnonzero(together == np.arange(len(labels)))
        keys = _hashes(columns[0], first, seed) if columns else mix64(first.astype(np.uint64) ^ _word(seed))
        draws = (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53
        of_set = np.minimum(np.searchsorted(np.cumsum(shares), draws, "right"), len(names) - 1)
    else:
        of_set = allot(sets, labels, shares, seed)
    side = of_set[sets]
    table = np.zeros((len(names), len(classes)))
    np.add.at(table, (side, labels), 1.0)
    return Split(
        names,
        tuple(shares.tolist()),
        side,
        sets,
        classes,
        table / table.sum(axis=0),
        tuple(_reasons(sets, labels, classes, shares)),
    )


def folds(
    target: ArrayLike | int,
    *,
    n_folds: int = 5,
    groups: ArrayLike | None = None,
    near: ArrayLike | None = None,
    tolerance: float = 0.0,
    seed: int = 0,
) -> list[tuple[Int64, Int64]]:
    """Folds for cross-validation that no group, and no set of near-identical rows, crosses; stratified by class.

    Parameters
    ----------
    target, groups, near, tolerance, seed
        As in :func:`split`.
    n_folds
        Integer ≥ 2.

    Returns
    -------
    For each fold (rows to fit on, rows to score), in order; every row is scored once. It can be passed as ``cv=`` to
    scikit-learn.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        As :func:`split`; fewer sets of rows than folds.

    Examples
    --------
    >>> from xent.sampling import folds
    >>> folds([0, 0, 0, 1, 1, 1], n_folds=3, groups=["a", "b", "c", "a", "b", "c"])[0]
    (array([0, 2, 3, 5]), array([1, 4]))
    """
    function = "folds"
    if not (isinstance(n_folds, (int, np.integer)) and n_folds >= 2):
        raise OptionError(function, f"n_folds must be an integer ≥ 2; got {n_folds!r}", "5 is usual")
    _, labels = _labels(function, target)
    together, _ = _joined(function, len(labels), groups, near, tolerance)
    sets = numbered(together)
    n_sets = int(sets.max(initial=-1)) + 1
    if n_sets < n_folds:
        raise OptionError(
            function,
            f"n_folds must be at most the number of sets of rows that are kept together; "
            f"got {n_folds} folds for {n_sets} sets of {len(labels)} rows",
            "ask for fewer folds",
        )
    fold = allot(sets, labels, np.full(n_folds, 1.0 / n_folds), _validate.seed(function, seed))[sets]
    return [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(n_folds)]


@dataclass(frozen=True)
class Shared:
    """What lies on several sides: how many ``sets``, their ``rows``, and up to three ``examples``, pairs of rows."""

    sets: int
    rows: int
    examples: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        return self.sets > 0


@dataclass(frozen=True)
class Leakage:
    """What a split lets through: ``groups`` and sets of ``near``-identical rows on several sides; None: not asked."""

    groups: Shared | None
    near: Shared | None

    def __bool__(self) -> bool:
        return bool(self.groups) or bool(self.near)

    def __str__(self) -> str:
        lines = []
        for what, found in (("groups", self.groups), ("sets of near-identical rows", self.near)):
            if found is not None:
                pairs = ", ".join(f"{a} and {b}" for a, b in found.examples)
                where = f", {found.rows:,} rows: say rows {pairs}" if found else ""
                lines.append(f"{found.sets:,} {what} on several sides{where}")
        return "\n".join(lines)


def leakage(
    side: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    near: ArrayLike | None = None,
    tolerance: float = 0.0,
) -> Leakage:
    """Count the groups, and the sets of near-identical rows, that lie on several sides of a split.

    Parameters
    ----------
    side
        Side of each row (n,), numbers or strings: ``Split.labels``, a column of a table, a fold's number.
    groups, near, tolerance
        As in :func:`split`, at least one of ``groups`` and ``near``. Several columns of groups are counted together:
        a set is then what they join.

    Returns
    -------
    A :class:`Leakage`, true if there is any. Of each set an example names its first row and its first row on another
    side; near-identical rows of an example may be so through a chain of others.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        As :func:`split`; neither groups nor near.

    Examples
    --------
    >>> from xent.sampling import leakage
    >>> print(leakage(["train", "test", "train", "test"], groups=["a", "a", "b", "c"], near=[[0], [1], [2], [2]]))
    1 groups on several sides, 2 rows: say rows 0 and 1
    1 sets of near-identical rows on several sides, 2 rows: say rows 2 and 3
    """
    function = "leakage"
    sides = _numbers(function, "side", _validate.as_array(function, "side", side))
    if groups is None and near is None:
        raise OptionError(
            function, "groups or near must be given; got neither", "near=features compares the rows themselves"
        )
    by_group = None if groups is None else _joined(function, len(sides), groups, None, 0.0)[0]
    by_near = None if near is None else _joined(function, len(sides), None, near, tolerance)[0]
    return Leakage(
        None if by_group is None else _shared(by_group, sides), None if by_near is None else _shared(by_near, sides)
    )


def _shared(first: Int64, sides: Int64) -> Shared:
    """Return what crosses; ``first`` is the first row of each row's set."""
    elsewhere = np.flatnonzero(sides != sides[first])
    sets, at = np.unique(first[elsewhere], return_index=True)
    crossing = np.zeros(len(first), dtype=bool)
    crossing[sets] = True
    pairs = [(int(a), int(b)) for a, b in zip(sets[:3], elsewhere[at[:3]], strict=True)]
    return Shared(len(sets), int(crossing[first].sum()), tuple(pairs))


def _joined(
    function: str, n_rows: int, groups: ArrayLike | None, near: ArrayLike | None, tolerance: float
) -> tuple[Int64, list[Array]]:
    """Return the first row of each row's set, and the columns of groups."""
    tolerance = _validate.non_negative(function, "tolerance", tolerance)
    if near is None and tolerance > 0:
        raise OptionError(function, f"tolerance must go with near; got {tolerance:g} alone", "pass near=features")
    sets = Sets(n_rows)
    columns: list[Array] = []
    if groups is not None:
        array = _validate.as_array(function, "groups", groups)
        if array.ndim not in (1, 2) or len(array) != n_rows:
            raise ShapeError(
                function,
                f"groups must have shape ({n_rows},) or ({n_rows}, columns); got shape {array.shape}",
                "pass one group a row",
            )
        columns = list(array.T) if array.ndim == 2 else [array]
        for column in columns:
            number = _numbers(function, "groups", column)
            _, first = np.unique(number, return_index=True)
            sets.join(np.arange(n_rows), first[number])
    if near is not None:
        first = linked_rows(function, "near", near, tolerance)
        if len(first) != n_rows:
            raise ShapeError(
                function, f"near must have {n_rows} rows; got {len(first)}", "pass one row of features for each row"
            )
        sets.join(np.arange(n_rows), first)
    return sets.root, columns


def _labels(function: str, target: ArrayLike | int) -> tuple[Array, Int64]:
    """Return the classes, and each row's as a number; one class for a number of rows."""
    if isinstance(target, (int, np.integer)) and not isinstance(target, bool):
        if target < 1:
            raise OptionError(
                function, f"target must be labels, or a number of rows ≥ 1; got {target}", "pass len(rows)"
            )
        return np.zeros(1, dtype=np.int64), np.zeros(int(target), dtype=np.int64)
    array = _validate.as_array(function, "target", target)
    number = _numbers(function, "target", array)
    return np.unique(array), number


def _numbers(function: str, argument: str, array: Array) -> Int64:
    """Return the position of each of the (n,) keys among the sorted distinct ones, having checked them."""
    if array.ndim != 1:
        raise ShapeError(
            function, f"{argument} must have shape (rows,); got shape {array.shape}", "pass one number or string a row"
        )
    if array.dtype.kind not in "biufUSO":
        raise DtypeError(
            function, f"{argument} must be numbers or strings; got dtype {array.dtype}", "convert it with .astype(str)"
        )
    missing = np.isnan(array) if array.dtype.kind == "f" else np.zeros(len(array), dtype=bool)
    if array.dtype.kind == "O":
        missing = np.array([key is None or key != key for key in array], dtype=bool)
    if missing.any():
        raise OptionError(
            function,
            f"{argument} must have no missing values; got {array[missing][0]} at row {int(missing.argmax())} "
            f"({int(missing.sum())} such rows)",
            "give each such row a value of its own, or leave it out",
        )
    try:
        number: Int64 = np.unique(array, return_inverse=True)[1]
    except TypeError:
        raise DtypeError(
            function, f"{argument} must be all numbers or all strings; got a mixture", "convert it with .astype(str)"
        ) from None
    return number


def _sides(function: str, sizes: Mapping[str, float]) -> tuple[tuple[str, ...], Float64]:
    hint = 'such as {"train": 0.8, "test": 0.2}'
    if not isinstance(sizes, Mapping) or len(sizes) < 2 or not all(isinstance(name, str) for name in sizes):
        raise OptionError(function, f"sizes must map at least two names to shares; got {sizes!r}", hint)
    for name, size in sizes.items():
        if not (_validate.finite(size) and size > 0):
            raise OptionError(function, f"sizes must be above 0; got {size!r} for {name!r}", hint)
    total = math.fsum(sizes.values())
    if abs(total - 1.0) > 1e-9:
        raise OptionError(function, f"sizes must sum to 1; got a sum of {total:g}", hint)
    return tuple(sizes), np.array(list(sizes.values()), dtype=np.float64) / total


def _word(seed: int) -> NDArray[np.uint64]:
    return mix64(np.array([seed], dtype=np.uint64))


def _hashes(column: Array, rows: Int64, seed: int) -> NDArray[np.uint64]:
    """Return a hash of the groups at these rows, as text, that is the same on every machine."""
    salt = seed.to_bytes(8, "little")
    keys = column[rows].tolist()
    texts = (key if isinstance(key, bytes) else str(key).encode("utf-8", "surrogatepass") for key in keys)
    digests = b"".join(blake2b(text, digest_size=8, salt=salt).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


def _reasons(sets: Int64, labels: Int64, classes: Array, shares: Float64) -> list[str]:
    """Say which classes, and which set, no split could divide as asked."""
    n_classes, n_sides = len(classes), len(shares)
    held = np.bincount(labels, minlength=n_classes)
    cells = np.unique(labels * (int(sets.max()) + 1) + sets) // (int(sets.max()) + 1)
    in_sets = np.bincount(cells, minlength=n_classes)
    said = []
    for k in np.flatnonzero(in_sets < n_sides):
        rows = f"{held[k]} row{'s' if held[k] > 1 else ''}"
        if in_sets[k] == 1:
            said.append(f"class {classes[k]} lies wholly in one set of rows ({rows}): it can be on one side only")
        else:
            said.append(f"class {classes[k]} lies in {in_sets[k]} sets of rows ({rows}): fewer than the sides")
    largest = np.bincount(sets)
    if largest.max() > shares.max() * len(sets):
        said.append(f"one set holds {largest.max():,} of the {len(sets):,} rows, more than the largest side is to have")
    return said
