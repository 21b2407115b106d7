"""The passes of an audit over its rows.

Pass 1 looks at every row: what cannot be scored, the uncalibrated scores, hashes, samples. Then a pass a Newton step fits
the temperatures (a sample of pass 1 gives the start, so that few are needed). The last pass scores with the fitted temperatures. Between
passes only sums, histograms and bounded samples are kept: memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.audit.options import Options
from xent.audit.rows import InputFacts, Rows, read_rows
from xent.audit.sketch import SmallestKeys, uniform_keys
from xent.audit.slicing import Slicer
from xent.audit.source import Source
from xent.audit.statistics import Confusion, LossShare, Ranks, ScoreSums, SliceTable, WorstRows
from xent.calibration.metrics import ConfidenceBins
from xent.calibration.temperature import TemperatureFit
from xent.decisions.thresholds import OddsHistogram, flags
from xent.errors import DataError
from xent.kernels import backend_for
from xent.kernels.numpy import RowScores, mix64

Array = NDArray[Any]

#: Called with the name of a pass, rows done, and rows in all (None: not known yet).
Progress = Callable[[str, int, int | None], None]

_SAMPLE_NUMBERS = 2_000_000  # logits kept for the start of a temperature fit
_HASHES = 1 << 18


def no_progress(step: str, done: int, total: int | None) -> None:
    """Say nothing."""


@dataclass
class Duplicates:
    """Rows whose scores and label stand in more than one place, among those with the smallest hashes."""

    rows: int = 0
    across: int = 0
    within: int = 0
    exact: bool = True
    pairs: list[tuple[int, int]] = field(default_factory=list)


class Measured:
    """All that is measured of scored rows with one set of temperatures (before: 1; after: the fitted ones)."""

    def __init__(self, n_classes: int, n_bins: int) -> None:
        self.n_bins = n_bins
        self.total = ScoreSums(1, n_bins)
        self.ranks = Ranks()

    def add(self, scores: RowScores, weight: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Add rows; return the probability of each row's label and its confidence bin."""
        target_prob = np.exp(-scores.nll)
        bins = ConfidenceBins.index(scores.confidence, self.n_bins)
        self.total.add(np.zeros(len(weight), dtype=np.int64), scores, target_prob, weight, bins)
        self.ranks.add(scores.rank, weight)
        return target_prob, bins


class Audit:
    """The state of one audit; :func:`run` fills it pass by pass."""

    def __init__(self, source: Source, options: Options) -> None:
        self.source, self.options = source, options
        description = source.description
        self.n_classes = n_classes = description.n_classes
        self.split = description.split_column is not None
        self.facts = InputFacts()
        self.sha256: str | None = None
        self.slicers = [Slicer(spec, options.seed) for spec in options.slices]
        self.slice_tables = [SliceTable(options.n_bins) for _ in options.slices]
        self.duplicates = Duplicates()
        self._hashes = SmallestKeys(_HASHES)
        self._samples = [SmallestKeys(max(2000, _SAMPLE_NUMBERS // n_classes)) for _ in range(1 if self.split else 2)]
        #: One fit for each number in Rows.fit, and for cross-fitting one more over all rows, which the policy carries.
        self.fits: list[TemperatureFit] = []
        self.fit_rows = self.score_rows = 0
        self.fit_weight, self.score_weight = np.zeros(n_classes), np.zeros(n_classes)
        self.fit_counts, self.score_counts = np.zeros(n_classes, np.int64), np.zeros(n_classes, np.int64)
        self.before, self.after = Measured(n_classes, options.n_bins), Measured(n_classes, options.n_bins)
        self.before_histogram = OddsHistogram(n_classes)
        #: Of the rows that choose thresholds, and of those that they are scored on, one each a fit.
        self.fit_histograms = [OddsHistogram(n_classes) for _ in self._samples]
        self.score_histograms = self.fit_histograms[::-1]
        if self.split:
            self.score_histograms = [OddsHistogram(n_classes)]
        self.by_class, self.by_predicted = ScoreSums(n_classes, 1), ScoreSums(n_classes, 1)
        self.confusion = Confusion(n_classes) if n_classes <= Confusion.MAX_CLASSES else None
        self.worst, self.loss_share = WorstRows(), LossShare()
        self.thresholds: list[NDArray[np.float64]] = []
        self.flag_counts = np.zeros(3)  # weight of rows with none, one, several classes flagged
        self.unique = ScoreSums(1, 1)  # of rows with one class flagged, right or wrong

    @property
    def policy_fit(self) -> TemperatureFit:
        """The fit whose temperature the policy carries: over all rows that may be learnt from."""
        return self.fits[-1]

    @property
    def policy_histogram(self) -> OddsHistogram:
        """The histogram that the policy's thresholds are chosen from."""
        if self.split:
            return self.fit_histograms[0]
        return self.fit_histograms[0] + self.fit_histograms[1]

    # The passes ------------------------------------------------------------------------------------------------------

    def rows(self, step: str, progress: Progress, facts: InputFacts | None = None) -> Iterator[Rows]:
        """Yield the valid rows, reporting progress."""
        done = 0
        total = self.source.description.rows if facts is not None else self.facts.rows
        for rows in read_rows(self.source, self.options.ignore_index, self.options.seed, facts):
            yield rows
            done = int(rows.index[-1]) + 1 if len(rows.index) else done
            progress(step, done, total)

    def look(self, progress: Progress) -> None:
        """Pass 1."""
        for rows in self.rows("reading", progress, self.facts):
            if len(rows.index) == 0:
                continue
            self._sample(rows)
            scored = rows.where(rows.score >= 0)
            fitted = rows.where(rows.fit >= 0)
            self.fit_rows += len(fitted.index)
            self.score_rows += len(scored.index)
            self.fit_counts += np.bincount(fitted.target, minlength=self.n_classes)
            self.score_counts += np.bincount(scored.target, minlength=self.n_classes)
            self.fit_weight += np.bincount(fitted.target, weights(fitted), self.n_classes)
            self.score_weight += np.bincount(scored.target, weights(scored), self.n_classes)
            if len(scored.index):
                scores = backend_for(scored.logits).row_scores(scored.logits, scored.target)
                self.before.add(scores, weights(scored))
                self.before_histogram.add(scored.logits, scored.target, scored.weight, 1.0)
                self.facts.zero_target.add(scored.index[np.isinf(scores.nll)], scored.target[np.isinf(scores.nll)])
        self._check_rows()
        self._find_duplicates()
        for slicer in self.slicers:
            slicer.settle()

    def _sample(self, rows: Rows) -> None:
        hashes = mix64(backend_for(rows.logits).row_hash(rows.logits) + rows.target.astype(np.uint64))
        self._hashes.add(hashes, rows.index, rows.fit)
        keys = uniform_keys(rows.index, self.options.seed + 1)
        for number, sample in enumerate(self._samples):
            mine = rows.fit == number
            sample.add(keys[mine], rows.logits[mine], rows.target[mine])
        for slicer, values in zip(self.slicers, rows.slices, strict=True):
            slicer.learn(rows.index, values)

    def _check_rows(self) -> None:
        facts = self.facts
        if facts.rows == 0:
            raise DataError("xent audit", f"{self.source.description.name} must have rows; it is empty")
        if self.fit_rows and self.score_rows:
            return
        if self.split and facts.rows > facts.invalid + facts.ignored:
            raise DataError(
                "xent audit",
                f"split column {self.source.description.split_column!r} must hold valid rows of 'calibration' and of 'test'; "
                f"got {self.fit_rows} and {self.score_rows}",
                "leave --split out to cross-fit",
            )
        raise DataError(
            "xent audit",
            f"{self.source.description.name} must have at least one valid row to fit and one to score; of {facts.rows} rows "
            f"{facts.ignored} are ignored, {facts.label_missing.count} have no label, {facts.label_range.count} have a label outside "
            f"0 … {self.n_classes - 1}, {facts.not_finite.count} have NaN or infinite scores, "
            f"{facts.not_distribution.count} are no distribution",
            "check --label, --ignore-index and whether the scores are --logits or --probs",
        )

    def _find_duplicates(self) -> None:
        """Compare hashes across the two sides; a sample by hash keeps equal rows together, so the shares are unbiased."""
        order = np.argsort(self._hashes.keys, kind="stable")
        keys, (index, side) = self._hashes.keys[order], (column[order] for column in self._hashes.columns)
        found = Duplicates(rows=len(keys), exact=self._hashes.complete)
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        sizes = np.diff(np.concatenate([starts, [len(keys)]]))
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            group = slice(start, start + size)
            sides = side[group]
            if (sides != sides[0]).any():
                found.across += int(size)
                other = int((sides != sides[0]).argmax())
                if len(found.pairs) < 5:
                    found.pairs.append((int(index[start]), int(index[start + other])))
            else:
                found.within += int(size)
        self.duplicates = found

    def fit(self, progress: Progress) -> None:
        """Fit the temperatures, a pass a Newton step."""
        starts = [_start(sample) for sample in self._samples]
        self.fits = [TemperatureFit(start) for start in starts]
        if not self.split:
            self.fits.append(TemperatureFit(float(np.sqrt(starts[0] * starts[1]))))
        while not all(fit.done for fit in self.fits):
            for rows in self.rows(f"fitting temperature, pass {self.policy_fit.passes + 1}", progress):
                for number, fit in enumerate(self.fits):
                    mine = rows.where(rows.fit == number if number < len(self._samples) else rows.fit >= 0)
                    fit.add(mine.logits, mine.target, mine.weight)
            for fit in self.fits:
                fit.step()

    def score(self, progress: Progress) -> None:
        """The two last passes: histograms that thresholds are chosen from, then the scores."""
        for rows in self.rows("choosing thresholds", progress):
            self._add_histograms(rows)
        self._choose_thresholds()
        for rows in self.rows("scoring", progress):
            for number in range(len(self._samples)):
                self._score(rows.where(rows.score == number), number)

    def _add_histograms(self, rows: Rows) -> None:
        for number, histogram in enumerate(self.fit_histograms):
            # Cross-fitting: a row is given the temperature that did not learn from it, here as where it is scored.
            fit = number if self.split else 1 - number
            mine = rows.where(rows.fit == number)
            histogram.add(mine.logits, mine.target, mine.weight, self.fits[fit].temperature)
        if self.split:
            mine = rows.where(rows.score == 0)
            self.score_histograms[0].add(mine.logits, mine.target, mine.weight, self.fits[0].temperature)

    def _choose_thresholds(self) -> None:
        for histogram in self.fit_histograms:
            self.thresholds.append(choose_thresholds(histogram, self.options))

    def _score(self, rows: Rows, number: int) -> None:
        """Score the rows that fit ``number`` did not learn from."""
        if len(rows.index) == 0:
            return
        temperature = self.fits[number].temperature
        kernels = backend_for(rows.logits)
        scores = kernels.row_scores(rows.logits, rows.target, scale=1.0 / temperature)
        weight = weights(rows)
        target_prob, bins = self.after.add(scores, weight)
        no_bins = np.zeros_like(bins)
        self.by_class.add(rows.target, scores, target_prob, weight, no_bins)
        self.by_predicted.add(scores.predicted, scores, target_prob, weight, no_bins)
        if self.confusion is not None:
            self.confusion.add(rows.target, scores.predicted, weight)
        self.worst.add(rows.index, rows.target, scores)
        self.loss_share.add(scores.nll, weight)
        for slicer, table, values in zip(self.slicers, self.slice_tables, rows.slices, strict=True):
            codes = table.codes(slicer.names(values))
            if codes is None:
                raise DataError(
                    "xent audit",
                    f"slice column {slicer.spec.column!r} must have at most {SliceTable.MAX_VALUES} values; it has more",
                    "an identifier is no slice; group its values, or bin numbers with COLUMN:q5",
                )
            table.sums.add(codes, scores, target_prob, weight, bins)
        self._count_flags(rows, scores, target_prob, weight, number)

    def _count_flags(
        self, rows: Rows, scores: RowScores, target_prob: Array, weight: Array, number: int
    ) -> None:
        """Play the policy's rule on these rows."""
        scale = 1.0 / self.fits[number].temperature
        logits = rows.logits.astype(np.float64, copy=False)  # as a policy does: a decision does not depend on the storage
        probs = backend_for(logits).row_softmax(logits, scale=scale)
        flagged = flags(probs, self.thresholds[number])
        how_many = np.minimum(flagged.sum(axis=1), 2)
        self.flag_counts += np.bincount(how_many, weight, 3)
        one = how_many == 1
        decided = RowScores(*(column[one] for column in scores))
        right = flagged[one, rows.target[one]]
        decided = decided._replace(rank=np.where(right, 0, 1))
        zeros = np.zeros(int(one.sum()), dtype=np.int64)
        self.unique.add(zeros, decided, target_prob[one], weight[one], zeros)


def choose_thresholds(histogram: OddsHistogram, options: Options) -> NDArray[np.float64]:
    """Return each class's threshold on the calibrated probability, NaN where none reaches the goal."""
    edges = [histogram.choose(k, options.goal) for k in range(len(histogram.counts))]
    return np.array([np.nan if edge is None else histogram.edges[edge] for edge in edges])


def weights(rows: Rows) -> NDArray[np.float64]:
    """Return the rows' weights, 1 each where there are none."""
    return np.ones(len(rows.index)) if rows.weight is None else rows.weight


def _start(sample: SmallestKeys) -> float:
    """Return the temperature of a sample, 1 where it has none."""
    if not len(sample.keys):
        return 1.0
    logits, target = sample.columns
    fit = TemperatureFit(tolerance=1e-4)
    while not fit.done:
        fit.add(logits, target)
        fit.step()
    return fit.temperature


def run(source: Source, options: Options, progress: Progress = no_progress) -> Audit:
    """Audit a source: all passes."""
    audit = Audit(source, options)
    audit.look(progress)
    audit.fit(progress)
    audit.score(progress)
    audit.sha256 = source.sha256()
    return audit
