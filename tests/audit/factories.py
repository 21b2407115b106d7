"""Sources for the tests of the audit, and what they hold as whole arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.audit import Options, Outcome, audit
from xent.audit.engine import Audit, run
from xent.audit.readers import ArraySource
from xent.audit.source import Batch, Description, Source

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def softmax(logits: Floats) -> Floats:
    exps: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs: Floats = exps / exps.sum(axis=1, keepdims=True)
    return probs


def draw(probs: Floats, random: np.random.Generator) -> Ints:
    """Return a label for each row, drawn from its probabilities."""
    below = probs.cumsum(axis=1) < random.random((len(probs), 1))
    label: Ints = np.minimum(below.sum(axis=1), probs.shape[1] - 1)
    return label


def calibrated(
    n: int = 1000, n_classes: int = 4, seed: int = 0, *, spread: float = 2.0, prior: Sequence[float] | None = None
) -> tuple[Floats, Ints]:
    """Return logits whose softmax is the truth, and labels drawn from it."""
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, spread, (n, n_classes)) + (0.0 if prior is None else np.log(prior))
    return logits, draw(softmax(logits), random)


def split_of(n: int, fit: float = 0.5) -> list[str]:
    """Return a split column: the first rows calibrate, the rest test."""
    return ["calibration"] * int(n * fit) + ["test"] * (n - int(n * fit))


def result_of(source: Source, options: Options | None = None, **more: Any) -> dict[str, Any]:
    return audit(source, options, **more).result


def codes(source: Source, options: Options | None = None, unknowns: Source | None = None) -> dict[str, dict[str, Any]]:
    """Return the findings of a source by their codes."""
    return {finding["code"]: finding for finding in result_of(source, options, unknowns=unknowns)["findings"]}


class Rebatched:
    """A source that yields the rows of another in batches of other sizes."""

    def __init__(self, source: Source, size: int) -> None:
        self._source, self._size = source, size

    @property
    def description(self) -> Description:
        return replace(self._source.description, rows=None)

    def sha256(self) -> str | None:
        return self._source.sha256()

    def batches(self) -> Iterator[Batch]:
        for batch in self._source.batches():
            for start in range(0, len(batch.label), self._size):
                part = slice(start, start + self._size)
                yield Batch(
                    batch.start + start,
                    batch.scores[part],
                    batch.label[part],
                    None if batch.weight is None else batch.weight[part],
                    None if batch.split is None else batch.split[part],
                    tuple(column[part] for column in batch.slices),
                )


__all__ = ["ArraySource", "Audit", "Outcome", "Rebatched", "audit", "calibrated", "codes", "draw", "result_of", "run"]
__all__ += ["softmax", "split_of"]
