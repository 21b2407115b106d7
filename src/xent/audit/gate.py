"""Conditions that an audit must meet: ``--fail-on``. Needs nothing: a wrong condition is refused before any work."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xent.errors import OptionError

Json = dict[str, Any]

_METRICS = ("ece", "mce", "nll", "brier", "accuracy", "macro_recall", "perplexity", "temperature")
_SEVERITIES = ("error", "warning", "info")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_FORM = re.compile(r"\s*([a-z_]+?)(_before)?\s*(<=|>=|<|>)\s*([-+0-9.eE]+)\s*")


@dataclass(frozen=True)
class Condition:
    """What makes the gate fail: a finding of at least a severity, or a number beyond a limit."""

    text: str
    severity: str | None = None
    metric: str | None = None
    when: str = "after"
    operator: str = ">"
    limit: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``error``, ``warning``, ``info`` or ``NAME OP NUMBER``."""
        if text in _SEVERITIES:
            return cls(text, severity=text)
        match = _FORM.fullmatch(text)
        try:
            limit = float(match[4]) if match else None
        except ValueError:
            limit = None
        if (
            match is None
            or limit is None
            or not math.isfinite(limit)
            or match[1] not in _METRICS
            or (match[1] == "temperature" and match[2])
        ):
            raise OptionError(
                "xent audit",
                f"--fail-on must be one of {', '.join(_SEVERITIES)}, or NAME OP NUMBER such as 'ece>0.03'; "
                f"got {text!r}",
                f"the names are {', '.join(_METRICS)}, each but temperature also with _before; the operators "
                "<, <=, >, >=",
            )
        when = "before" if match[2] else "after"
        return cls(text, metric=match[1], when=when, operator=match[3], limit=limit)

    def check(self, result: Json) -> Json:
        """Return ``gate.conditions[]``: a number that does not exist fails."""
        if self.severity is not None:
            worst = _SEVERITIES[: _SEVERITIES.index(self.severity) + 1]
            count = sum(finding["severity"] in worst for finding in result["findings"])
            return {"condition": self.text, "passed": count == 0, "value": count}
        value = self._value(result)
        failed = value is None or _COMPARE[self.operator](value, self.limit)
        return {"condition": self.text, "passed": not failed, "value": value}

    def _value(self, result: Json) -> float | None:
        scores, calibration = result["scores"][self.when], result["calibration"]
        if self.metric == "temperature":
            return _number(calibration["temperature"])
        if self.metric == "ece":
            return _number(calibration[self.when]["ece"]["value"])
        if self.metric == "mce":
            return _number(calibration[self.when]["mce"])
        entry = scores[self.metric]
        return _number(entry["value"] if isinstance(entry, dict) else entry)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def check(conditions: Sequence[Condition], result: Json) -> Json | None:
    """Return ``gate`` of the result, None where nothing was asked."""
    if not conditions:
        return None
    checked = [condition.check(result) for condition in conditions]
    return {"conditions": checked, "passed": all(entry["passed"] for entry in checked)}
