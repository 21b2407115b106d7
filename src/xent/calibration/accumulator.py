"""The calibration error of rows that come in parts: batches, files, processes."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate, functional
from xent._pieces import pieces
from xent.calibration import _arguments
from xent.calibration import binned as parts
from xent.calibration._arguments import Kind
from xent.calibration.binned import BinCounts
from xent.calibration.metrics import BinnedError
from xent.errors import DtypeError, OptionError, ShapeError
from xent.kernels import backend_for, compiled_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]

#: Logits looked at in one go: enough that threads do not wait for one another, few enough for little memory.
_PIECE = 1 << 19


class CalibrationError:
    """Calibration error with its uncertainty, accumulated: ``update``, ``merge``, ``compute``.

    It gives what :func:`~xent.calibration.calibration_error` gives of all rows at once. Rows without weights are
    counted in 64-bit integers, and so are their confidences (in units of 2^-56): the result does not depend on the
    order or the parts in which rows came, not in one bit. Rows with weights are summed in float64.

    Parameters
    ----------
    n_bins
        B bins of equal width: [0, 1/B), [1/B, 2/B), …, [(B-1)/B, 1]; the last bin holds 1.0.
    kind
        ``"top-label"``, ``"classwise"`` or ``"binary"``, as for :func:`~xent.calibration.ece`.
    n_classes
        K; None takes that of the first rows. Later rows must have as many.
    strategy
        Only ``"width"``: bins of equal mass are known when all rows are, and cannot be streamed exactly.

    Notes
    -----
    Memory: O(B), classwise O(K B), and some megabytes while rows are added, however many. An update that raises adds
    nothing. It can be pickled.

    Examples
    --------
    >>> from xent.calibration import CalibrationError
    >>> first = CalibrationError(n_bins=10).update([1], [[0.05, 0.95]])
    >>> second = CalibrationError(n_bins=10).update_logits([0], [[-1000.0, 0.0]])
    >>> first.merge(second).compute().ece.value
    0.475
    """

    def __init__(
        self,
        n_bins: int = 15,
        kind: Kind = "top-label",
        n_classes: int | None = None,
        strategy: Literal["width"] = "width",
    ) -> None:
        function = "CalibrationError"
        self.n_bins = _arguments.check_bins(function, n_bins)
        self.kind: Kind = _arguments.check_kind(function, kind)
        if strategy != "width":
            raise OptionError(
                function,
                f"strategy must be 'width'; got {strategy!r}: bins of equal mass are not known before the last row",
                "keep the rows and call calibration_error(…, strategy='mass'), or take more bins of equal width",
            )
        if n_classes is not None and not (isinstance(n_classes, (int, np.integer)) and n_classes >= 2):
            raise OptionError(
                function, f"n_classes must be None or an integer ≥ 2; got {n_classes!r}", "None takes it from the rows"
            )
        if kind == "binary" and n_classes not in (None, 2):
            raise OptionError(
                function, f"n_classes must be None or 2 for kind='binary'; got {n_classes}", "leave it out"
            )
        self._given_classes = self.n_classes = None if n_classes is None else int(n_classes)
        self._counts = BinCounts(self._n_groups(self.n_classes), self.n_bins)

    def _n_groups(self, n_classes: int | None) -> int:
        return (n_classes or 0) if self.kind == "classwise" else 1

    def reset(self) -> None:
        """Forget all rows."""
        self.n_classes = self._given_classes
        self._counts = BinCounts(self._n_groups(self.n_classes), self.n_bins)

    def update(self, y_true: ArrayLike, y_prob: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add rows of probabilities; the arguments and errors are those of :func:`~xent.calibration.ece`.

        Returns
        -------
        The accumulator itself.
        """
        function = "CalibrationError.update"
        probs = _arguments.probabilities(function, y_prob, self.kind)
        label = _arguments.labels(function, y_true, probs, "y_prob")
        weight = _arguments.row_weights(function, sample_weight, len(label))
        new = self._empty_for(function, "y_prob", probs)
        parts.add_rows(new, label, probs, weight, self.kind)
        self._take(function, new, probs)
        return self

    def update_logits(
        self,
        y_true: ArrayLike,
        logits: ArrayLike,
        temperature: float = 1.0,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add rows of logits, without ever holding their probabilities.

        Parameters
        ----------
        y_true
            Class indices (n,).
        logits
            Scores (n, K), or (n,) for ``kind="binary"``, where the probability of class 1 is sigmoid(z/T). A class may
            be -inf.
        temperature
            T > 0: the probabilities are softmax(z/T).
        sample_weight
            One finite weight ≥ 0 a row (n,).

        Returns
        -------
        The accumulator itself.

        Raises
        ------
        ShapeError, DtypeError, TargetError, OptionError
            As for :func:`~xent.calibration.ece`; a row that is NaN, holds +inf, or is all -inf.
        """
        function = "CalibrationError.update_logits"
        scale = 1.0 / _validate.positive(function, "temperature", temperature)
        rows = _validate.floating(function, "logits", logits)
        _arguments.check_shape(function, "logits", rows, self.kind)
        label = _arguments.labels(function, y_true, rows, "logits")
        weight = _arguments.row_weights(function, sample_weight, len(label))
        new = self._empty_for(function, "logits", rows)
        entries = _PIECE if self.kind == "top-label" else _PIECE // 4  # the others hold the probabilities of a piece
        counted = self.kind == "top-label" and weight is None
        if counted and compiled_for(rows) is not None:  # which holds nothing beside the rows
            entries = max(rows.size, 1)
        for part in pieces(len(rows), 1 if rows.ndim == 1 else rows.shape[1], entries):
            z, y, w = rows[part], label[part], None if weight is None else weight[part]
            if counted:
                if backend_for(z).confidence_counts(z, y, new.counts[:, 0], scale=scale):
                    _refuse_nan(function, z, backend_for(z).row_scores(z, y, scale=scale).confidence, part.start)
            elif self.kind == "top-label":
                scores = backend_for(z).row_scores(z, y, scale=scale)
                _refuse_nan(function, z, scores.confidence, part.start)
                parts.add_top(new, scores.confidence, scores.rank == 0, w)
            elif self.kind == "classwise":
                probs = backend_for(z).row_softmax(z, scale=scale)
                _refuse_nan(function, z, probs[:, 0], part.start)
                parts.add_classes(new, y, probs, w)
            else:
                confidence = functional.sigmoid(z.astype(np.float64), temperature=temperature)
                _refuse_nan(function, z, confidence, part.start)
                parts.add_top(new, confidence, y == 1, w)
        self._take(function, new, rows)
        return self

    def _empty_for(self, function: str, argument: str, rows: Array) -> BinCounts:
        n_classes = 2 if rows.ndim == 1 else rows.shape[1]
        if self.n_classes not in (None, n_classes):
            raise ShapeError(
                function,
                f"{argument} must have shape (rows, {self.n_classes}), as the rows before; got {rows.shape}",
                "rows of other classes belong into another CalibrationError",
            )
        return BinCounts(self._n_groups(n_classes), self.n_bins)

    def _take(self, function: str, new: BinCounts, rows: Array) -> None:
        if self.n_classes is None:
            self.n_classes = 2 if rows.ndim == 1 else rows.shape[1]
        if self._counts.counts.shape[1] == 0:
            self._counts = new
        else:
            self._counts.merge(function, new)

    def merge(self, other: CalibrationError) -> Self:
        """Add the rows of another accumulator, which stays as it is.

        Returns
        -------
        The accumulator itself.

        Raises
        ------
        OptionError
            The other has other bins, another kind, or other classes.
        """
        function = "CalibrationError.merge"
        if not isinstance(other, CalibrationError):
            raise DtypeError(function, f"other must be a CalibrationError; got {type(other).__name__}", "from_state()")
        mine, its = (self.n_bins, self.kind), (other.n_bins, other.kind)
        if mine != its or (None not in (self.n_classes, other.n_classes) and self.n_classes != other.n_classes):
            raise OptionError(
                function,
                f"other must have n_bins={self.n_bins}, kind={self.kind!r} and n_classes={self.n_classes}; "
                f"got {other.n_bins}, {other.kind!r} and {other.n_classes}",
                "make all parts with the same options",
            )
        if other.n_classes is not None:
            if self._counts.counts.shape[1] == 0:
                self._counts = BinCounts(self._n_groups(other.n_classes), self.n_bins)
            self.n_classes = other.n_classes
            self._counts.merge(function, other._counts)
        return self

    def compute(self, seed: int = 0) -> BinnedError:
        """Return the error of all rows so far; ``seed`` is that of its 2000 simulations."""
        seed = _validate.seed("CalibrationError.compute", seed)
        return self._counts.bins(self.kind == "classwise").error(seed)

    def state(self) -> dict[str, Array]:
        """Return all that is kept, as arrays that ``numpy.savez`` writes without pickle.

        ``kind`` (a string), ``n_classes`` (0 where not known yet); ``counts`` (4, classes, B), int64: rows, right ones,
        Σ confidence in units of 2^-28 and of 2^-56; ``sums`` (4, classes, B), float64, of rows that came with weights:
        Σ w, Σ w², Σ w·confidence, Σ w·right.
        """
        return {
            "kind": np.array(self.kind),
            "n_classes": np.array(self.n_classes or 0),
            "counts": self._counts.counts.copy(),
            "sums": self._counts.sums.copy(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Array]) -> Self:
        """Return the accumulator that :meth:`state` was taken from."""
        missing = [name for name in ("kind", "n_classes", "counts", "sums") if name not in state]
        if missing:
            raise OptionError(
                "CalibrationError.from_state",
                f"state must hold {missing[0]!r}; it is missing",
                "pass what state() returned",
            )
        counts, sums = state["counts"], state["sums"]
        result = cls(counts.shape[2], str(state["kind"]), int(state["n_classes"]) or None)  # type: ignore[arg-type]
        expected = result._counts.counts.shape
        if counts.shape != expected or sums.shape != expected:
            raise ShapeError(
                "CalibrationError.from_state",
                f"counts and sums must have shape {expected}; got {counts.shape} and {sums.shape}",
                "pass what state() returned, whole",
            )
        result._counts.counts[:] = counts
        result._counts.sums[:] = sums
        return result

    def all_reduce(self, group: Any = None) -> CalibrationError:
        """Return a new accumulator with the rows of all processes of a torch.distributed group; this one is kept.

        Every process must call it, and gets the same result, bit for bit. With the NCCL backend each has set its CUDA
        device before. ``group=None`` is the default group.
        """
        import torch.distributed

        states: list[Any] = [None] * torch.distributed.get_world_size(group)
        torch.distributed.all_gather_object(states, self.state(), group=group)
        result = CalibrationError(self.n_bins, self.kind, self.n_classes)
        for state in states:
            result.merge(CalibrationError.from_state(state))
        return result


def _refuse_nan(function: str, logits: Array, confidence: Array, start: int) -> None:
    wrong = np.isnan(confidence)
    if wrong.any():
        row = int(wrong.argmax())
        raise OptionError(
            function,
            f"logits must not be NaN, +inf or -inf throughout a row; got {logits[row].max():g} as the largest at row "
            f"{start + row}",
            "leave such rows out",
        )
