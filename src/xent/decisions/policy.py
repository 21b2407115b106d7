"""A policy: everything that turns a deployed model's scores into decisions, in one small JSON file. NumPy alone."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._files import write_texts
from xent.decisions.thresholds import flags, unique_flag
from xent.errors import DataError, OptionError, ShapeError
from xent.functional import softmax

Float64 = NDArray[np.float64]

SCHEMA = "xent.policy/1"


class Decision(NamedTuple):
    """What a policy says of n rows.

    ``label`` (n,) is the class whose probability alone reaches its threshold, or -1: none or several do, a person
    should look. ``flags`` (n, K) says which classes reach theirs, ``probs`` (n, K) float64 are the calibrated
    probabilities, ``top`` (n,) their largest class.
    """

    label: NDArray[np.int64]
    flags: NDArray[np.bool_]
    probs: Float64
    top: NDArray[np.int64]


@dataclass(frozen=True)
class Policy:
    """Classes, temperature and thresholds, and what they were fitted on.

    Parameters
    ----------
    classes
        The K classes' names in the order of the scores.
    temperature
        T > 0 that divides the logits.
    thresholds
        One threshold a class on the calibrated probability, in [0, 1]; None for a class that is never to be flagged
        because no threshold reached the goal.
    scores
        ``"logits"`` or ``"probs"``: what :meth:`decide` will be given. Never guessed.
    goal
        What the thresholds were chosen for, such as ``{"recall": 0.99}``.
    fitted_on
        Provenance: source, hash, sizes.
    """

    classes: tuple[str, ...]
    temperature: float
    thresholds: tuple[float | None, ...]
    scores: Literal["logits", "probs"] = "logits"
    goal: dict[str, float] = field(default_factory=dict)
    fitted_on: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _validate.positive("Policy", "temperature", self.temperature)
        if self.scores not in ("logits", "probs"):
            raise OptionError("Policy", f"scores must be 'logits' or 'probs'; got {self.scores!r}")
        if not self.classes or len(self.thresholds) != len(self.classes):
            raise ShapeError(
                "Policy",
                f"thresholds must be one a class; got {len(self.thresholds)} for {len(self.classes)} classes",
            )
        for name, threshold in zip(self.classes, self.thresholds, strict=True):
            if threshold is not None and not (isinstance(threshold, (int, float)) and 0.0 <= threshold <= 1.0):
                raise OptionError("Policy", f"thresholds must lie in [0, 1]; got {threshold!r} for class {name!r}")

    def decide(self, scores: ArrayLike) -> Decision:
        """Decide on rows of scores.

        Parameters
        ----------
        scores
            (n, K), or (K,) for one row: logits, or probabilities where ``self.scores`` says so. Every dtype is computed
            in float64, so that a decision does not depend on the storage.

        Returns
        -------
        A :class:`Decision`. A row with NaN or +inf logits, or all -inf, has NaN probabilities, no flag and label -1.

        Raises
        ------
        ShapeError, DtypeError, TargetError
            Another number of classes; not real numbers; probabilities that do not sum to 1.
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
        if self.scores == "probs":
            with np.errstate(divide="ignore"):
                logits = np.log(_validate.distributions(function, "scores", array))
        else:
            logits = array.astype(np.float64, copy=False)
        probs = softmax(logits, temperature=self.temperature)
        limits = np.array([math.nan if t is None else t for t in self.thresholds])
        flagged = flags(probs, limits)
        return Decision(unique_flag(flagged), flagged, probs, probs.argmax(axis=1).astype(np.int64))

    def to_json(self) -> str:
        """Return the policy as JSON text."""
        content = {
            "schema": SCHEMA,
            "classes": list(self.classes),
            "scores": self.scores,
            "temperature": self.temperature,
            "thresholds": list(self.thresholds),
            "goal": self.goal,
            "rule": "flag a class when softmax(logits / temperature) is at or above its threshold; "
            "decide the class flagged alone, otherwise let a person look",
            "fitted_on": self.fitted_on,
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the policy to a file, whole or not at all."""
        path = Path(path)
        write_texts(path.parent, {path.name: self.to_json()})

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
            raise DataError(function, f"{path} must be readable; got {error.strerror}") from error
        except ValueError as error:
            raise DataError(function, f"{path} must be JSON; got {error}", "xent audit writes policy.json") from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            schema = content.get("schema") if isinstance(content, dict) else type(content).__name__
            raise DataError(
                function,
                f"{path} must have schema {SCHEMA!r}; got {schema!r}",
                "write it anew with this version of xent",
            )
        try:
            return cls(
                classes=tuple(content["classes"]),
                temperature=content["temperature"],
                thresholds=tuple(content["thresholds"]),
                scores=content["scores"],
                goal=content["goal"],
                fitted_on=content["fitted_on"],
            )
        except KeyError as error:
            raise DataError(function, f"{path} must hold {error.args[0]!r}; it is missing") from None
