"""A second table, of inputs that the classifier cannot know: how well its scores tell them from the others.

Of both tables a random sample of rows is kept, and of each row its scores alone. The threshold of a score is chosen on
the rows that may be learnt from, the share of known rows that it accepts is measured on the scored ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from xent._estimates import missing, wilson
from xent.audit.numbers import Json, estimate, number, short
from xent.audit.rows import InputFacts, usable_logits
from xent.audit.sketch import SmallestKeys, uniform_keys
from xent.audit.source import Progress, Source
from xent.decisions.ood import SCORES, evaluate, fit_threshold
from xent.errors import DataError

Float64 = NDArray[np.float64]

#: Rows of each table whose scores are kept: 11 MB for seven scores.
_KEPT = 200_000
TPR = 0.95
_BINS = 40


@dataclass
class Unknowns:
    """The scores of the second table's rows, and of the first's: those that choose, by fit, and those scored, by fit.

    ``invalid`` counts rows of the second table without a distribution.
    """

    source: Source
    rows: int = 0
    invalid: int = 0
    sha256: str | None = None
    unknown: SmallestKeys = field(default_factory=lambda: SmallestKeys(_KEPT))
    choosing: list[SmallestKeys] = field(default_factory=list)
    scored: list[SmallestKeys] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The scores that are looked at: the energy of probabilities is 0, and its rounding would be ranked."""
        return [name for name in SCORES if not (name == "energy" and self.source.description.kind == "probs")]

    def scores_of(self, logits: NDArray[np.float32] | NDArray[np.float64]) -> Float64:
        """Return every score of every row, (n, scores), higher = more in-distribution."""
        return np.stack([SCORES[name](logits) for name in self.names], axis=1)

    def read(self, n_classes: int, kind: str, n_fits: int, seed: int, progress: Progress) -> None:
        """Read the second table."""
        description = self.source.description
        if description.n_classes != n_classes:
            raise DataError(
                "xent audit",
                f"{description.name} must have scores of {n_classes} classes, as the audited table has; got "
                f"{description.n_classes}",
                "--unknowns takes outputs of the same classifier",
            )
        self.choosing = [SmallestKeys(_KEPT) for _ in range(n_fits)]
        self.scored = [SmallestKeys(_KEPT) for _ in range(n_fits)]
        facts = InputFacts()
        for batch in self.source.batches():
            row = batch.start + np.arange(len(batch.scores))
            good, logits = usable_logits(batch.scores, row, kind == "probs", facts)
            self.rows += len(row)
            self.unknown.add(uniform_keys(row[good], seed + 3), self.scores_of(logits[good]))
            progress("reading unknowns", self.rows, description.rows)
        self.invalid = facts.not_finite.count + facts.not_distribution.count
        if self.rows == self.invalid:
            raise DataError(
                "xent audit", f"{description.name} must have at least one row of finite scores; it has none", ""
            )
        self.sha256 = self.source.sha256()

    def add(self, where: list[SmallestKeys], number: int, row: NDArray[np.int64], logits: NDArray[np.float64]) -> None:
        """Add rows of the first table to those that choose, or to those scored, of a fit."""
        where[number].add(uniform_keys(row, 3), self.scores_of(logits))


def unknowns_result(unknowns: Unknowns) -> Json:
    """Return the object ``unknowns`` of docs/reference/audit-result.md."""
    description = unknowns.source.description
    unknown = unknowns.unknown.columns[0]
    known = np.concatenate([sample.columns[0] for sample in unknowns.scored if len(sample.keys)])
    names = unknowns.names
    scores = [_score(unknowns, place, name, known[:, place], unknown[:, place]) for place, name in enumerate(names)]
    scores.sort(key=lambda each: -each["auroc"]["value"])
    best = names.index(scores[0]["name"])
    sampled = "" if unknowns.unknown.complete else f", of which {len(unknown):,} were drawn at random"
    return {
        "source": {
            "name": description.name,
            "format": description.format,
            "bytes": description.bytes,
            "sha256": unknowns.sha256,
            "rows": unknowns.rows,
        },
        "rows": len(unknown),
        "invalid_rows": unknowns.invalid,
        "known_rows": len(known),
        "scores": scores,
        "tpr_goal": TPR,
        "histogram": {"score": scores[0]["name"], **_histogram(known[:, best], unknown[:, best])},
        "sentence": f"{unknowns.rows - unknowns.invalid:,} rows of {description.name}{sampled} stand beside "
        f"{len(known):,} scored rows. Each score is of the logits as they came; higher means more like the rows that "
        "the classifier knows. Thresholds were chosen on the rows that may be learnt from.",
    }


def _score(unknowns: Unknowns, place: int, name: str, known: Float64, unknown: Float64) -> Json:
    """Return how one score tells the tables apart; a scored row meets a threshold that it did not help to choose."""
    found = evaluate(known, unknown, tpr=TPR)
    limits = [
        fit_threshold(sample.columns[0][:, place], TPR) if len(sample.keys) else None for sample in unknowns.choosing
    ]
    accepted = n = 0
    for limit, sample in zip(limits, unknowns.scored, strict=True):
        if limit is not None and len(sample.keys):
            accepted += int((sample.columns[0][:, place] >= limit).sum())
            n += len(sample.keys)
    policy = limits[-1]
    assert policy is not None  # an audit has rows that may be learnt from
    return {
        "name": name,
        "auroc": estimate(found.auroc),
        "aupr_in": number(found.aupr_in),
        "aupr_out": number(found.aupr_out),
        "fpr": estimate(wilson(float((unknown >= policy).mean()), len(unknown))),
        "threshold": number(policy),
        "tpr": estimate(wilson(accepted / n, n) if n else missing("no scored row meets a threshold that others chose")),
    }


def _histogram(known: Float64, unknown: Float64) -> Json:
    """Return shares of both in bins of equal width, of which the outer ones hold the last thousandth too."""
    both = np.concatenate([known, unknown])
    low, high = np.quantile(both[np.isfinite(both)], [0.001, 0.999])
    high = high if high > low else low + 1.0
    edges = np.linspace(low, high, _BINS + 1)
    place = [np.clip(np.searchsorted(edges, each, side="right") - 1, 0, _BINS - 1) for each in (known, unknown)]
    shares = [np.bincount(each, minlength=_BINS) / len(each) for each in place]
    return {
        "edges": [short(edge) for edge in edges],
        "known": [short(share) for share in shares[0]],
        "unknown": [short(share) for share in shares[1]],
    }
