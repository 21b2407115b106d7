"""Findings: what is wrong, why it matters, and what to do; one small function each.

A finding reads the facts of the first pass or the result, and is silent unless the evidence is complete: a difference
must exceed its interval, not only exist, and where many classes or slices are looked at, the level of 5 % is shared
among them (Bonferroni), so that a sound model is seldom accused. It must also be large enough to matter. Codes are
stable for ever: XA1xx input, XA2xx calibration, XA3xx classes, XA4xx thresholds, XA5xx slices, XA6xx leakage, XA7xx
unknown inputs.
"""

from __future__ import annotations

from xent.audit.engine import Audit
from xent.audit.findings import calibration, classes, inputs, leakage, slices, thresholds, unknowns
from xent.audit.findings.finding import SEVERITIES, Finding, Json, Severity

__all__ = ["SEVERITIES", "Finding", "Severity", "find"]

_RULES = [rule for room in (inputs, calibration, classes, thresholds, slices, leakage, unknowns) for rule in room.RULES]


def find(audit: Audit, result: Json) -> list[Json]:
    """Return all findings, worst first; among equals in the order of their codes."""
    found = [finding for rule in _RULES for finding in rule(audit, result)]
    return [f.json() for f in sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.code))]
