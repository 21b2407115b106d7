"""A policy: everything that turns a deployed model's scores into decisions, in one small JSON file. NumPy alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._files import write_files
from xent.calibration._base import Calibrator
from xent.calibration._code import assignments, source
from xent.decisions import _rules
from xent.decisions.costs import cost_matrix
from xent.errors import DataError, OptionError, ShapeError, XentError
from xent.functional import softmax

if TYPE_CHECKING:
    import torch

Float64 = NDArray[np.float64]

SCHEMA = "xent.policy/2"


class Decision(NamedTuple):
    """What a policy says of n rows.

    ``label`` (n,) is the class decided, or -1: a person should look. ``flags`` (n, K) says which classes reach their
    thresholds, ``probs`` (n, K) float64 are the calibrated probabilities, ``top`` (n,) their largest class, -1 in a row
    without probabilities.
    """

    label: NDArray[np.int64]
    flags: NDArray[np.bool_]
    probs: Float64
    top: NDArray[np.int64]


@dataclass(frozen=True)
class Policy:
    """Classes, calibrator, thresholds and the rule that decides, and what they were fitted on.

    Parameters
    ----------
    classes
        The K classes' names in the order of the scores.
    thresholds
        One threshold a class on the calibrated probability, in [0, 1]; None for a class that is never to be flagged
        because no threshold reached the goal.
    calibrator
        A fitted calibrator of K classes; None takes the scores as they are.
    rule
        When a row is decided, and when a person should look:

        - ``"alone"``: the class that reaches its threshold, if it is the only one;
        - ``"top"``: the most probable class, if it reaches its threshold (a reject option by confidence);
        - ``"cost"``: the class of least expected cost, if that is not above ``reject_cost`` (Chow's rule).
    cost
        For rule ``"cost"``: K rows, what it costs to decide class j where class k is true at ``cost[k][j]``.
    reject_cost
        For rule ``"cost"``: the price of a person's look; None never rejects.
    scores
        ``"logits"`` or ``"probs"``: what :meth:`decide` will be given. Never guessed.
    goal
        What the thresholds were chosen for, such as ``{"recall": 0.99}``.
    fitted_on
        Provenance: source, hash, sizes.

    Raises
    ------
    OptionError, ShapeError
        A calibrator that is not fitted or has another number of classes; a threshold outside [0, 1]; costs without
        their rule, or a rule without its costs; a wrong decision cheaper than the right one, or a ``reject_cost`` at
        which every row would be rejected; a goal or a provenance that JSON cannot hold.

    Examples
    --------
    >>> from xent import Policy
    >>> from xent.calibration import TemperatureScaling
    >>> policy = Policy(("cat", "dog"), (0.9, 0.6), TemperatureScaling.of(2.0, n_classes=2))
    >>> policy.decide([[4.0, 0.0], [0.0, 1.0]]).label  # .88 and .62: below and above the thresholds
    array([-1,  1])
    """

    classes: tuple[str, ...]
    thresholds: tuple[float | None, ...]
    calibrator: Calibrator | None = None
    rule: Literal["alone", "top", "cost"] = "alone"
    cost: tuple[tuple[float, ...], ...] | None = None
    reject_cost: float | None = None
    scores: Literal["logits", "probs"] = "logits"
    goal: dict[str, float] = field(default_factory=dict)
    fitted_on: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _validate.choice("Policy", "scores", self.scores, ("logits", "probs"), "say which of the two decide() gets")
        for name in ("classes", "thresholds", "cost", "reject_cost", "goal", "fitted_on"):
            object.__setattr__(self, name, _immutable(getattr(self, name)))
        self._check_classes()
        if not isinstance(self.thresholds, tuple):
            raise OptionError("Policy", f"thresholds must be a list of numbers; got {self.thresholds!r}")
        if not self.classes or len(self.thresholds) != len(self.classes):
            raise ShapeError(
                "Policy",
                f"thresholds must be one a class; got {len(self.thresholds)} for {len(self.classes)} classes",
            )
        for name, threshold in zip(self.classes, self.thresholds, strict=True):
            if threshold is not None and not (_is_number(threshold) and 0.0 <= threshold <= 1.0):
                raise OptionError("Policy", f"thresholds must lie in [0, 1]; got {threshold!r} for class {name!r}")
        self._check_calibrator()
        self._check_rule()
        for field_name, value in (("goal", self.goal), ("fitted_on", self.fitted_on)):
            if not isinstance(value, Mapping):
                raise OptionError("Policy", f"{field_name} must be a mapping; got {value!r}")
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise OptionError("Policy", f"{field_name} must be what JSON can hold; got {error}") from None

    def _check_classes(self) -> None:
        rule = "classes must be a list of names; got"
        if not isinstance(self.classes, tuple):
            raise OptionError("Policy", f"{rule} {self.classes!r}")
        seen = set()
        for name in self.classes:
            if not isinstance(name, str):
                raise OptionError("Policy", f"{rule} {name!r} among them")
            if name in seen:
                raise OptionError(
                    "Policy", f"classes must differ; got {name!r} more than once", "every class needs a name of its own"
                )
            seen.add(name)

    def _check_calibrator(self) -> None:
        if self.calibrator is None:
            return
        if not isinstance(self.calibrator, Calibrator):
            raise OptionError("Policy", f"calibrator must be one of xent.calibration, or None; got {self.calibrator!r}")
        fitted = getattr(self.calibrator, "classes_", None)
        if fitted is None:
            raise OptionError("Policy", "calibrator must be fitted; got one that is not", "call its fit()")
        if len(fitted) != len(self.classes):
            raise ShapeError(
                "Policy",
                f"calibrator must be of {len(self.classes)} classes, as the policy is; got one of {len(fitted)}",
            )

    def _check_rule(self) -> None:
        _validate.choice("Policy", "rule", self.rule, ("alone", "top", "cost"), "alone is what an audit writes")
        if (self.rule == "cost") != (self.cost is not None):
            raise OptionError(
                "Policy",
                f"cost must be given with rule='cost' and with no other; got rule={self.rule!r}",
                "see bayes_decision",
            )
        if self.reject_cost is not None and not (self.rule == "cost" and _is_number(self.reject_cost)):
            raise OptionError(
                "Policy", f"reject_cost must be a number that goes with rule='cost'; got {self.reject_cost!r}"
            )
        if self.cost is None:
            return
        n = len(self.classes)
        square = isinstance(self.cost, tuple) and [isinstance(row, tuple) and len(row) for row in self.cost] == [n] * n
        if not (square and all(_is_number(each) for row in self.cost for each in row)):
            raise ShapeError(
                "Policy", f"cost must be {n} rows of {n} finite numbers, cost[true][decided]; got {self.cost!r}"
            )
        least = float(cost_matrix("Policy", self.cost, n).min())
        if self.reject_cost is not None and not self.reject_cost > least:
            raise OptionError(
                "Policy",
                f"reject_cost must be above the least cost, {least:g}; got {self.reject_cost!r}",
                "at that price every row would be rejected; None decides every row",
            )

    def decide(self, scores: ArrayLike) -> Decision:
        """Decide on rows of scores.

        Parameters
        ----------
        scores
            (n, K), or (K,) for one row: logits, or probabilities where ``self.scores`` says so. Every dtype is computed
            in float64, so that a decision does not depend on the storage.

        Returns
        -------
        A :class:`Decision`. A broken row has NaN probabilities, no flag, and -1 as ``label`` and ``top``: one with
        NaN or +inf logits or all -inf; where ``self.scores`` is "probs", one that is negative or misses a sum of 1 by
        more than 0.01. The audit left such rows out, and here they are for a person.

        Raises
        ------
        ShapeError, DtypeError
            Another number of classes; not real numbers.
        """
        function = "Policy.decide"
        array = _validate.floating(function, "scores", scores)
        array = array[None, :] if array.ndim == 1 else array
        if array.ndim != 2 or array.shape[1] != len(self.classes):
            raise ShapeError(
                function,
                f"scores must have shape (rows, {len(self.classes)}), one column a class; got {np.shape(scores)}",
                f"the classes are {', '.join(self.classes[:5])}{' …' if len(self.classes) > 5 else ''}",
            )
        with np.errstate(all="ignore"):
            logits = self._to_logits(np, array.astype(np.float64, copy=False))
            if self.calibrator is not None:
                logits = self.calibrator.transform(logits)
            probs = np.asarray(softmax(logits))
            flags, top = _rules.look(np, probs, self._limits)
            label = _rules.RULES[self.rule](np, probs, flags, top, **self._constants)
        return Decision(label, flags, probs, top)

    @property
    def _to_logits(self) -> Callable[..., Any]:
        return _rules.log_of_probs if self.scores == "probs" else _rules.as_logits

    @property
    def _limits(self) -> Float64:
        return np.array([math.nan if t is None else t for t in self.thresholds], dtype=np.float64)

    @property
    def _constants(self) -> dict[str, Any]:
        """What the rule takes besides the thresholds."""
        if self.rule == "top":
            return {"columns": np.arange(len(self.classes))}
        if self.rule == "cost":
            price = math.inf if self.reject_cost is None else float(self.reject_cost)
            return {"cost": np.array(self.cost, dtype=np.float64), "reject_cost": price}
        return {}

    def to_torch(self) -> torch.nn.Module:
        """Return a module that takes scores (n, K) to (label, flags, probs, top), equal to :meth:`decide`.

        It computes in float64 whatever it is given.
        """
        from xent.torch.policy import PolicyModule

        calibrator = None if self.calibrator is None else self.calibrator.to_torch()
        formulas = (self._to_logits, _rules.softmax, _rules.look, _rules.RULES[self.rule])
        return PolicyModule(calibrator, formulas, self._limits, self._constants)

    def to_onnx(self, path: str | Path) -> None:
        """Write an ONNX model: input ``scores`` (n, K) float32, outputs ``label``, ``flags``, ``probs``, ``top``.

        Inside it computes in float64, as :meth:`decide` does. Calibrators with curves of pieces or steps (isotonic,
        histogram, spline, quadratic, Venn-Abers) find the piece by comparing with all its edges, for ONNX has no
        search: that takes n · K · edges numbers at a time.

        Raises
        ------
        DataError
            The file cannot be written.
        OptionError
            PyTorch's exporter and its packages are not installed.
        """
        from xent.torch.onnx import export

        model = export(self.to_torch(), len(self.classes), Decision._fields)
        self._write("to_onnx", Path(path), model)

    def to_code(self) -> str:
        """Return the policy as a page of NumPy that stands alone: ``decide(scores)`` → (label, flags, probs, top)."""
        calibrator = self.calibrator
        body = [
            "import numpy as np",
            "",
            f"classes = {list(self.classes)!r}",
            *assignments({"thresholds": self._limits, **self._constants}),
            "",
            "",
            source(self._to_logits, "logits", "scores"),
        ]
        if calibrator is not None:
            body += ["", "", *calibrator.to_code().split("\n")[2:-1]]
        body += ["", "", source(_rules.softmax, "softmax", "z"), "", "", source(_rules.look, "look", "probs")]
        body += ["", "", source(_rules.RULES[self.rule], "rule", "probs", "flags", "top"), "", ""]
        body += [
            "def decide(scores):",
            "    with np.errstate(all='ignore'):",
            "        z = logits(np.asarray(scores, dtype=np.float64))",
            *(["        z = calibrate(z)"] if calibrator is not None else []),
            "        probs = softmax(z)",
            "        flags, top = look(probs)",
            "        return (rule(probs, flags, top), flags, probs, top)",
        ]
        return "\n".join(body) + "\n"

    def to_json(self) -> str:
        """Return the policy as JSON text."""
        content = {
            "schema": SCHEMA,
            "classes": list(self.classes),
            "scores": self.scores,
            "calibrator": None if self.calibrator is None else self.calibrator.to_dict(),
            "thresholds": list(self.thresholds),
            "goal": self.goal,
            "rule": self.rule,
            "rule_in_words": _WORDS[self.rule],
            "cost": None if self.cost is None else [list(row) for row in self.cost],
            "reject_cost": self.reject_cost,
            "fitted_on": self.fitted_on,
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the policy to a file, whole or not at all.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        self._write("save", Path(path), self.to_json())

    def _write(self, method: str, path: Path, content: str | bytes) -> None:
        try:
            write_files(path.parent, {path.name: content})
        except OSError as error:
            raise DataError(
                f"Policy.{method}",
                f"{path} must be a file that can be written; got {error.strerror or error}",
                f"the folder {path.parent} must be there and have room",
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> Policy:
        """Read a policy from a file.

        Raises
        ------
        DataError
            The file cannot be read, or is no policy of this version.
        """
        function = "Policy.load"
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(
                function, f"{path} must be readable; got {error.strerror or error}", "xent audit writes policy.json"
            ) from error
        except (ValueError, RecursionError) as error:
            raise DataError(function, f"{path} must be JSON; got {error}", "xent audit writes policy.json") from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            schema = content.get("schema") if isinstance(content, dict) else type(content).__name__
            raise DataError(
                function,
                f"{path} must have schema {SCHEMA!r}; got {schema!r}",
                "write it anew with this version of xent",
            )
        anew = "write it anew with Policy.save"
        fields = ("classes", "thresholds", "calibrator", "rule", "cost", "reject_cost", "scores", "goal", "fitted_on")
        for name in fields:
            if name not in content:
                raise DataError(function, f"{path} must hold {name!r}; it is missing", anew)
        given = {name: content[name] for name in fields}
        try:
            if given["calibrator"] is not None:
                given["calibrator"] = Calibrator.from_dict(given["calibrator"])
            return cls(**given)
        except XentError as error:
            name, _, rest = error.problem.partition(" ")
            raise DataError(function, f"{name} of {path} {rest}", error.hint or anew) from None


_WORDS = {
    "alone": "flag a class when its calibrated probability is at or above its threshold; decide the class flagged "
    "alone, otherwise let a person look",
    "top": "decide the class of the largest calibrated probability if that is at or above its threshold, otherwise let "
    "a person look",
    "cost": "decide the class of least expected cost under the calibrated probabilities if that is not above the price "
    "of a rejection, otherwise let a person look",
}


def _immutable(value: Any) -> Any:
    """Return lists and arrays as tuples, NumPy's numbers as Python's: what compares equal, and what JSON can hold."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {name: _immutable(each) for name, each in value.items()}
    return tuple(_immutable(each) for each in value) if isinstance(value, (list, tuple)) else value


def _is_number(value: Any) -> bool:
    return _validate.finite(value) and not isinstance(value, bool)
