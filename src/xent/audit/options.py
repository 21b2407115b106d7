"""What a user may ask of an audit."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from numbers import Integral

from xent.decisions.thresholds import Goal
from xent.errors import OptionError

#: The calibrators that an audit can be asked for; "auto" takes the one that cross-validated log loss chooses.
CALIBRATORS = (
    "temperature",
    "ensemble",
    "structured",
    "vector",
    "matrix",
    "dirichlet",
    "platt",
    "quadratic",
    "beta",
    "isotonic",
    "auto",
)


@dataclass(frozen=True)
class SliceSpec:
    """A column to slice by: its values, or numbers binned at ``edges`` or by ``quantiles``.

    With neither, numbers of more than 12 values are binned by quartiles and everything else is taken by value.
    """

    column: str
    quantiles: int | None = None
    edges: tuple[float, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> SliceSpec:
        """Read ``COLUMN``, ``COLUMN:q5`` (five quantile bins) or ``COLUMN:18,65`` (edges)."""
        column, colon, how = text.rpartition(":")
        if not colon:
            return cls(text)
        if column and re.fullmatch(r"q[1-9]\d?", how) and int(how[1:]) >= 2:
            return cls(column, quantiles=int(how[1:]))
        try:
            edges = tuple(float(edge) for edge in how.split(","))
        except ValueError:
            edges = ()
        if not (column and edges and all(map(math.isfinite, edges)) and list(edges) == sorted(set(edges))):
            raise OptionError(
                "xent audit",
                f"--slice must be COLUMN, COLUMN:q5 (quantile bins) or COLUMN:18,65 (rising edges); got {text!r}",
                "put the bins after the last colon",
            )
        return cls(column, edges=edges)


@dataclass(frozen=True)
class Options:
    """The options of an audit that are not about where its columns lie.

    ``calibrator`` is one of :data:`CALIBRATORS`.

    Raises
    ------
    OptionError
        ``ignore_index`` or ``seed`` is no integer of 64 bits (a seed not negative), ``n_bins`` is below 1, or
        ``calibrator`` is none of those.
    """

    goal: Goal = field(default=Goal("recall", 0.99))
    slices: tuple[SliceSpec, ...] = ()
    ignore_index: int = -100
    seed: int = 0
    n_bins: int = 15
    calibrator: str = "temperature"

    def __post_init__(self) -> None:
        # The least int64 is the label of a row that has none: see MISSING.
        _check_integer(
            "ignore_index",
            self.ignore_index,
            "lie above -2**63 and below 2**63",
            1 - 2**63,
            "-100 is the usual one",
        )
        _check_integer("seed", self.seed, "lie in 0 … 2**63 - 1", 0, "any such number will do; 0 is the default")
        if self.calibrator not in CALIBRATORS:
            raise OptionError(
                "Options",
                f"calibrator must be one of {', '.join(CALIBRATORS)}; got {self.calibrator!r}",
                "auto compares them",
            )
        _check_integer("n_bins", self.n_bins, "be at least 1", 1, "15 bins are usual")


def _check_integer(name: str, value: object, rule: str, least: int, hint: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) < 2**63:
        kind = "" if isinstance(value, Integral) else "be an integer and "
        raise OptionError("Options", f"{name} must {kind}{rule}; got {value!r}", hint)
