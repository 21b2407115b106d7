"""A policy: everything that turns a deployed model's scores into decisions, in one small JSON file. NumPy alone."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._files import write_texts
from xent.decisions.thresholds import flags, unique_flag
from xent.errors import DataError, OptionError, ShapeError, XentError
from xent.functional import softmax

Float64 = NDArray[np.float64]

SCHEMA = "xent.policy/1"


class Decision(NamedTuple):
    """What a policy says of n rows.

    ``label`` (n,) is the class whose probability alone reaches its threshold, or -1: none or several do, a person
    should look. ``flags`` (n, K) says which classes reach theirs, ``probs`` (n, K) float64 are the calibrated
    probabilities, ``top`` (n,) their largest class, -1 in a row without probabilities.
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
        self._check_classes()
        boolean = isinstance(self.temperature, bool)  # which Python takes for a number
        if boolean or (isinstance(self.temperature, int) and self.temperature > sys.float_info.max):
            raise OptionError("Policy", f"temperature must be a finite number above 0; got {self.temperature!r}")
        _validate.positive("Policy", "temperature", self.temperature)
        if self.scores not in ("logits", "probs"):
            raise OptionError("Policy", f"scores must be 'logits' or 'probs'; got {self.scores!r}")
        if not isinstance(self.thresholds, (tuple, list)):
            raise OptionError("Policy", f"thresholds must be a list of numbers; got {self.thresholds!r}")
        if not self.classes or len(self.thresholds) != len(self.classes):
            raise ShapeError(
                "Policy",
                f"thresholds must be one a class; got {len(self.thresholds)} for {len(self.classes)} classes",
            )
        for name, threshold in zip(self.classes, self.thresholds, strict=True):
            number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
            if threshold is not None and not (number and 0.0 <= threshold <= 1.0):
                raise OptionError("Policy", f"thresholds must lie in [0, 1]; got {threshold!r} for class {name!r}")
        for field_name, value in (("goal", self.goal), ("fitted_on", self.fitted_on)):
            if not isinstance(value, Mapping):
                raise OptionError("Policy", f"{field_name} must be a mapping; got {value!r}")

    def _check_classes(self) -> None:
        rule = "classes must be a list of names; got"
        if not isinstance(self.classes, (tuple, list)):
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
        if self.scores == "probs":
            with np.errstate(divide="ignore", invalid="ignore"):
                logits = np.log(array, dtype=np.float64)
            logits[~_validate.is_distribution(array)] = np.nan
        else:
            logits = array.astype(np.float64, copy=False)
        probs = softmax(logits, temperature=self.temperature)
        limits = np.array([math.nan if t is None else t for t in self.thresholds])
        flagged = flags(probs, limits)
        top = np.where(np.isnan(probs[:, 0]), -1, probs.argmax(axis=1))
        return Decision(unique_flag(flagged), flagged, probs, top)

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
        """Write the policy to a file, whole or not at all.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        path, text = Path(path), self.to_json()
        try:
            write_texts(path.parent, {path.name: text})
        except OSError as error:
            raise DataError(
                "Policy.save",
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
        fields = ("classes", "temperature", "thresholds", "scores", "goal", "fitted_on")
        for name in fields:
            if name not in content:
                raise DataError(function, f"{path} must hold {name!r}; it is missing", anew)
        given = {name: _immutable(content[name]) for name in fields}
        try:
            return cls(**given)
        except XentError as error:
            name, _, rest = error.problem.partition(" ")
            raise DataError(function, f"{name} of {path} {rest}", error.hint or anew) from None


def _immutable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
