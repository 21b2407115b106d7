"""The passes of an audit over its rows.

Pass 1 looks at every row: what cannot be scored, the uncalibrated scores, hashes, samples. Then a pass a Newton step
fits the temperatures (a sample of pass 1 gives the start, so that few are needed). One more gives the histograms that
thresholds are chosen from, and the last one scores. Between passes only sums, histograms and bounded samples are kept:
memory does not grow with the rows.

Cross-fitting is strict: whatever scores a row, temperature and thresholds, was chosen without any row of its half.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.audit import calibrators
from xent.audit.options import Options
from xent.audit.rows import InputFacts, Rows, read_rows
from xent.audit.sketch import SmallestKeys, uniform_keys
from xent.audit.slicing import Slicer, too_many
from xent.audit.source import Progress, Source
from xent.audit.statistics import Confusion, LossChange, LossShare, Ranks, ScoreSums, SliceTable, WorstRows
from xent.audit.unknowns import Unknowns
from xent.calibration._base import Calibrator
from xent.calibration.choose import Choice
from xent.calibration.metrics import ConfidenceBins
from xent.calibration.temperature import TemperatureFit, typical_temperature
from xent.calibration.temperature_scaling import TemperatureScaling
from xent.decisions.thresholds import Chosen, OddsHistogram, flags
from xent.errors import DataError, OptionError
from xent.kernels import backend_for
from xent.kernels.numpy import RowScores

Array = NDArray[Any]

_SAMPLE_NUMBERS = 2_000_000  # logits kept for the start of a temperature fit
_HASHES = 1 << 18
_FIT_TOLERANCE = 1e-4  # of a Newton step in log T: the step is taken, which leaves about its square


def no_progress(step: str, done: int, total: int | None) -> None:
    """Say nothing."""


@dataclass
class Duplicates:
    """Rows whose scores and label stand in more than one place, among those with the smallest hashes.

    Rows with one probability of exactly 1 are ``certain`` and not looked at: they repeat by nature. ``mixed`` rows have
    the scores of another with another label. ``by_chance`` is how many rows of this precision and number of classes may
    repeat though they are different; ``rounded`` says that all are probabilities of at most four decimals, of which
    confident rows share a few patterns.
    """

    rows: int = 0
    across: int = 0
    within: int = 0
    mixed: int = 0
    certain: int = 0
    rounded: bool = False
    by_chance: float = 0.0
    exact: bool = True
    pairs: list[tuple[int, int]] = field(default_factory=list)

    @property
    def repeated(self) -> int:
        """The number of rows that have a copy."""
        return self.across + self.within

    @property
    def coarse(self) -> bool:
        """Whether the scores are too coarse (a tree's, rounded ones, one float32) to tell a copy from another row.

        Copies are seldom the most of a table, and seldom have another label.
        """
        few = self.repeated <= self.by_chance
        return self.rounded or few or self.repeated > self.rows / 2 or self.mixed > self.repeated / 5


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

    def __init__(self, source: Source, options: Options, unknowns: Source | None = None) -> None:
        self.source, self.options = source, options
        self.unknowns = None if unknowns is None else Unknowns(unknowns)
        description = source.description
        if options.goal.confidence is not None and description.weight_column is not None:
            raise OptionError(
                "xent audit",
                f"--confidence must go without weights; got weight column {description.weight_column!r}",
                "exact bounds count rows: draw rows in proportion to their weights first, or leave --confidence out",
            )
        self.n_classes = n_classes = description.n_classes
        self.split = description.split_column is not None
        self.facts = InputFacts()
        self.sha256: str | None = None
        self.slicers = [Slicer(spec, options.seed) for spec in options.slices]
        self._slice_columns = [_place(spec.column, description.slice_columns) for spec in options.slices]
        self.slice_tables = [SliceTable(options.n_bins) for _ in options.slices]
        self.duplicates = Duplicates()
        self._hashes = SmallestKeys(_HASHES)
        self.samples = [SmallestKeys(max(200, _SAMPLE_NUMBERS // n_classes)) for _ in range(1 if self.split else 2)]
        #: One fit for each number in Rows.fit, and for cross-fitting one more over all rows, which the policy carries.
        self.fits: list[TemperatureFit] = []
        #: What scores are calibrated with: one for each fit, a temperature or what was asked for instead.
        self.calibrators: list[Calibrator] = []
        #: How the calibrators compare on a sample of the rows that the policy may learn from, or why they do not.
        self.choice: Choice | str = "not compared"
        #: For each fit the slope at the temperature it ended at, measured once more: these fits take no further step.
        self.certificates: list[TemperatureFit] = []
        #: The first row with a logit of -inf, which not every calibrator takes.
        self.minus_inf: int | None = None
        self.fit_rows = self.score_rows = 0
        self.fit_weight, self.score_weight = np.zeros(n_classes), np.zeros(n_classes)
        self.fit_weight_squares = np.zeros(n_classes)
        self.fit_counts, self.score_counts = np.zeros(n_classes, np.int64), np.zeros(n_classes, np.int64)
        self.before, self.after = Measured(n_classes, options.n_bins), Measured(n_classes, options.n_bins)
        self.loss_change = LossChange()
        self.before_histogram, self.after_histogram = OddsHistogram(n_classes), OddsHistogram(n_classes)
        self.by_class_before = ScoreSums(n_classes, 1)
        self.by_class, self.by_predicted = ScoreSums(n_classes, 1), ScoreSums(n_classes, 1)
        self.confusion = Confusion(n_classes) if n_classes <= Confusion.MAX_CLASSES else None
        self.worst, self.loss_share = WorstRows(), LossShare()
        #: The thresholds that each fit chose, (K,), NaN for a class without one; like ``fits``, the policy's come last.
        self.thresholds: list[NDArray[np.float64]] = []
        #: How the policy's thresholds were chosen, class by class, and on how many (effective) rows of the class.
        self.choices: list[Chosen] = []
        self.choosing_positives = np.zeros(n_classes)
        #: By fit and class, of the rows that chose thresholds for others: what missed the goal, and all.
        of_fits = len(self.samples), n_classes
        self.chosen_misses, self.chosen_weight = np.zeros(of_fits), np.zeros(of_fits)
        #: By fit and class, of the rows that it scores: the class's own; of those flagged weight, its square, own.
        self.own = np.zeros(of_fits)
        self.flagged, self.flagged_squares, self.flagged_own = (np.zeros(of_fits) for _ in range(3))
        self.flag_counts = np.zeros(3)  # weight of rows with none, one, several classes flagged
        self.unique = ScoreSums(1, 1)  # of rows with one class flagged, right or wrong

    @property
    def policy_fit(self) -> TemperatureFit:
        """The fit whose temperature the policy carries: over all rows that may be learnt from."""
        return self.fits[-1]

    # The passes ------------------------------------------------------------------------------------------------------

    def rows(self, step: str, progress: Progress, facts: InputFacts | None = None) -> Iterator[Rows]:
        """Yield the valid rows, reporting progress."""
        done = 0
        total = self.source.description.rows if facts is not None else self.facts.rows
        for rows in read_rows(self.source, self.options.ignore_index, self.options.seed, facts):
            yield rows
            done = int(rows.row[-1]) + 1 if len(rows.row) else done
            progress(step, done, total)

    def look(self, progress: Progress) -> None:
        """Pass 1."""
        for rows in self.rows("reading", progress, self.facts):
            if len(rows.row) == 0:
                continue
            self._sample(rows)
            if self.minus_inf is None and rows.logits.min() == -np.inf:
                self.minus_inf = int(rows.row[(rows.logits == -np.inf).any(axis=1).argmax()])
            scored = rows.where(rows.score >= 0)
            fitted = rows.where(rows.fit >= 0)
            self.fit_rows += len(fitted.row)
            self.score_rows += len(scored.row)
            self.fit_counts += np.bincount(fitted.target, minlength=self.n_classes)
            self.score_counts += np.bincount(scored.target, minlength=self.n_classes)
            self.fit_weight += np.bincount(fitted.target, weights(fitted), self.n_classes)
            self.fit_weight_squares += np.bincount(fitted.target, np.square(weights(fitted)), self.n_classes)
            self.score_weight += np.bincount(scored.target, weights(scored), self.n_classes)
            if len(scored.row):
                scores = backend_for(scored.logits).row_scores(scored.logits, scored.target)
                target_prob, bins = self.before.add(scores, weights(scored))
                self.by_class_before.add(scored.target, scores, target_prob, weights(scored), np.zeros_like(bins))
                self.before_histogram.add(scored.logits, 1.0, scored.target, scored.weight)
                self.facts.zero_target.add(scored.row[np.isinf(scores.nll)], scored.target[np.isinf(scores.nll)])
        self._check_rows()
        self._find_duplicates()
        for slicer in self.slicers:
            slicer.settle()

    def _sample(self, rows: Rows) -> None:
        unsure = rows
        if self.source.description.kind == "probs":
            unsure = rows.where((rows.logits > -np.inf).sum(axis=1) > 1)
            self.duplicates.certain += len(rows.row) - len(unsure.row)
        self._hashes.add(backend_for(unsure.logits).row_hash(unsure.logits), unsure.row, unsure.fit, unsure.target)
        keys = uniform_keys(rows.row, self.options.seed + 1)
        for number, sample in enumerate(self.samples):
            mine = self._learns(rows, number)
            sample.add(keys[mine], rows.logits[mine], rows.target[mine], weights(rows)[mine])
        for slicer, column in zip(self.slicers, self._slice_columns, strict=True):
            slicer.learn(rows.row, rows.slices[column])

    def _check_rows(self) -> None:
        facts = self.facts
        if facts.rows == 0:
            raise DataError("xent audit", f"{self.source.description.name} must have rows; it is empty")
        if self.minus_inf is not None and not calibrators.takes_minus_inf(self.options.calibrator):
            raise DataError(
                "xent audit",
                f"--calibrator {self.options.calibrator} must have finite logits; got -inf at row {self.minus_inf}, a "
                "probability of 0",
                "temperature, ensemble and isotonic take them, or lift probabilities of 0 to a small number first",
            )
        if self.fit_rows and self.score_rows:
            return
        if self.split and facts.rows > facts.invalid + facts.ignored:
            raise DataError(
                "xent audit",
                f"split column {self.source.description.split_column!r} must hold valid rows of 'calibration' and of "
                f"'test'; got {self.fit_rows} and {self.score_rows}, and {facts.other_split} rows of other words",
                "write 'calibration' and 'test' in it, or leave --split out to cross-fit",
            )
        raise DataError(
            "xent audit",
            f"{self.source.description.name} must have at least one valid row to fit and one to score; of {facts.rows} "
            f"rows {facts.ignored} are ignored, {facts.weightless} have weight 0, {facts.label_missing.count} have no "
            f"label, {facts.label_range.count} have a label outside 0 … {self.n_classes - 1}, "
            f"{facts.not_finite.count} have NaN or infinite scores, {facts.not_distribution.count} are no distribution",
            "check --label, --ignore-index and whether the scores are --logits or --probs",
        )

    def _find_duplicates(self) -> None:
        """Compare hashes across the two sides; a sample by hash keeps equal rows together, so shares are unbiased."""
        found = self.duplicates
        found.rows, found.exact = len(self._hashes.keys), self._hashes.complete
        if self.source.description.kind == "probs":
            found.rounded = all(_has_few_decimals(np.exp(sample.columns[0])) for sample in self.samples)
        # Of N rows each meets one of the others by chance if their last K - 1 scores have the same random digits.
        dtype = np.dtype(self.source.description.dtype)
        digits = float(np.finfo(dtype).nmant) if dtype.kind == "f" else 0.0
        found.by_chance = found.rows * (self.facts.usable - found.certain) * 2.0 ** (-digits * (self.n_classes - 1))
        if found.rows == 0:
            return
        row, side, label = self._hashes.columns
        order = np.lexsort((row, label, self._hashes.keys))
        keys, row, side, label = self._hashes.keys[order], row[order], side[order], label[order]
        new_scores = np.concatenate([[True], keys[1:] != keys[:-1]])
        new_label = new_scores | np.concatenate([[True], label[1:] != label[:-1]])
        starts, labels = np.flatnonzero(new_scores), np.flatnonzero(new_label)
        sizes = np.diff(np.concatenate([starts, [found.rows]]))
        kinds = np.add.reduceat(new_label.astype(np.int64), starts)
        found.mixed = int(sizes[kinds > 1].sum())
        sizes = np.diff(np.concatenate([labels, [found.rows]]))
        for start, size in zip(labels[sizes > 1], sizes[sizes > 1], strict=True):
            sides = side[start : start + size]
            other = int((sides != sides[0]).argmax())
            if other == 0:
                found.within += int(size)
                continue
            found.across += int(size)
            if len(found.pairs) < 5:
                found.pairs.append((int(row[start]), int(row[start + other])))

    def fit(self, progress: Progress) -> None:
        """Fit the temperatures, a pass a Newton step, and from the samples what is to calibrate in their place."""
        starts = [_start(sample) for sample in self.samples]
        if not self.split:
            starts.append(float(np.sqrt(starts[0] * starts[1])))
        self.fits = [TemperatureFit(start, _FIT_TOLERANCE) for start in starts]
        while not all(fit.done for fit in self.fits):
            for rows in self.rows(f"fitting temperature, pass {self.policy_fit.passes + 1}", progress):
                for number, fit in enumerate(self.fits):
                    mine = rows.where(self._learns(rows, number))
                    fit.add(mine.logits, mine.target, mine.weight)
            for fit in self.fits:
                fit.step()
        self._calibrate(progress)

    def _calibrate(self, progress: Progress) -> None:
        """Compare calibrators, and fit what is to calibrate: in a cross-fit each half by what its own rows say."""
        asked, seed = self.options.calibrator, self.options.seed
        parts = [sample.columns for sample in self.samples if len(sample.keys)]
        every = tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))  # () of no rows
        for number, fit in enumerate(self.fits):
            last = number == len(self.fits) - 1
            sample = every if last else self.samples[number].columns
            progress("comparing calibrators", number, len(self.fits))
            if last or asked == "auto":
                self.choice = calibrators.compare(sample, asked, seed, self.minus_inf is None)
            temperature = TemperatureScaling.after(fit, self.n_classes)
            self.calibrators.append(calibrators.fitted(asked, temperature, self.choice, sample))

    @property
    def sampled(self) -> bool:
        """Whether the samples that calibrators other than a temperature learn from are parts of their rows."""
        return not all(sample.complete for sample in self.samples)

    def _learns(self, rows: Rows, number: int) -> NDArray[np.bool_]:
        """Say which rows the calibrator of a fit learns from; the last fit of a cross-fit learns from both halves.

        Where thresholds are to carry a guarantee every other row, by chance, is kept from it for them.
        """
        mine = self._may_learn(rows, number)
        return mine if self.options.goal.confidence is None else mine & ~self._kept_for_thresholds(rows)

    def _chooses(self, rows: Rows, number: int) -> NDArray[np.bool_]:
        """Say which rows the thresholds of a fit are chosen on."""
        mine = self._may_learn(rows, number)
        return mine if self.options.goal.confidence is None else mine & self._kept_for_thresholds(rows)

    def _may_learn(self, rows: Rows, number: int) -> NDArray[np.bool_]:
        return rows.fit == number if number < len(self.samples) else rows.fit >= 0

    def _kept_for_thresholds(self, rows: Rows) -> NDArray[np.bool_]:
        return (uniform_keys(rows.row, self.options.seed + 2) & np.uint64(1)).astype(np.bool_)

    def calibrated(self, logits: Array, number: int) -> tuple[Array, float]:
        """Return logits and the temperature that is still to divide them: a kernel does that without a copy."""
        calibrator = self.calibrators[number]
        if isinstance(calibrator, TemperatureScaling):
            return logits, calibrator.temperature_
        return calibrator.transform(logits), 1.0

    def choose(self, progress: Progress) -> None:
        """Choose the thresholds, each fit's on the rows and with the calibrator of that fit alone."""
        histograms = [OddsHistogram(self.n_classes) for _ in self.fits]
        proposals = [OddsHistogram(self.n_classes) for _ in self.fits]
        self.certificates = [TemperatureFit(fit.temperature) for fit in self.fits]
        goal = self.options.goal
        for rows in self.rows("choosing thresholds", progress):
            for number, check in enumerate(self.certificates):
                learnt = rows.where(self._learns(rows, number))
                check.add(learnt.logits, learnt.target, learnt.weight)
                chosen = rows.where(self._chooses(rows, number))
                if goal.confidence is None:
                    histograms[number].add(*self.calibrated(chosen.logits, number), chosen.target, chosen.weight)
                else:
                    histograms[number].add_flags(
                        policy_probs(*self.calibrated(chosen.logits, number)), chosen.target, goal
                    )
                    proposals[number].add_flags(
                        policy_probs(*self.calibrated(learnt.logits, number)), learnt.target, goal
                    )
                if self.unknowns is not None:
                    known = rows.where(self._may_learn(rows, number))  # their scores are of logits that nothing fitted
                    self.unknowns.add(self.unknowns.choosing, number, known.row, known.logits)
        for check in self.certificates:
            check.step()
        chosen_edges = [each.choose_all(goal, proposal) for each, proposal in zip(histograms, proposals, strict=True)]
        self.choices = chosen_edges[-1]
        self.choosing_positives = histograms[-1].hits.sum(axis=1)
        self.thresholds = [
            np.array([each.threshold(choice.edge, goal) for choice in edges])
            for each, edges in zip(histograms, chosen_edges, strict=True)
        ]
        for number in range(len(self.samples)):
            misses = [histograms[number].misses(k, choice.edge, goal) for k, choice in enumerate(chosen_edges[number])]
            self.chosen_misses[number], self.chosen_weight[number] = np.array(misses).T

    def score(self, progress: Progress) -> None:
        """Score each row with the fit that did not learn from it."""
        for rows in self.rows("scoring", progress):
            for number in range(len(self.samples)):
                self._score(rows.where(rows.score == number), number)

    def _score(self, rows: Rows, number: int) -> None:
        """Score the rows that fit ``number`` did not learn from."""
        if len(rows.row) == 0:
            return
        if self.unknowns is not None:
            self.unknowns.add(self.unknowns.scored, number, rows.row, rows.logits)
        logits, temperature = self.calibrated(rows.logits, number)
        scores = backend_for(logits).row_scores(logits, rows.target, scale=1.0 / temperature)
        weight = weights(rows)
        target_prob, bins = self.after.add(scores, weight)
        no_bins = np.zeros_like(bins)
        self.by_class.add(rows.target, scores, target_prob, weight, no_bins)
        self.by_predicted.add(scores.predicted, scores, target_prob, weight, no_bins)
        if self.confusion is not None:
            self.confusion.add(rows.target, scores.predicted, weight)
        self.worst.add(rows.row, rows.target, scores)
        self.loss_share.add(scores.nll, weight)
        stats = backend_for(rows.logits).row_stats(rows.logits, rows.target)
        self.loss_change.add(stats.log_sum - stats.target_logit, scores.nll, weight)
        self.after_histogram.add(logits, temperature, rows.target, rows.weight)
        for slicer, table, column in zip(self.slicers, self.slice_tables, self._slice_columns, strict=True):
            codes = table.codes(slicer.names(rows.slices[column]))
            if codes is None:
                raise too_many(slicer.spec.column)
            table.sums.add(codes, scores, target_prob, weight, bins)
        self._count_flags(rows, logits, temperature, scores, target_prob, weight, number)

    def _count_flags(
        self,
        rows: Rows,
        logits: Array,
        temperature: float,
        scores: RowScores,
        target_prob: Array,
        weight: Array,
        number: int,
    ) -> None:
        """Play the policy's rule on these rows."""
        flagged = flags(policy_probs(logits, temperature), self.thresholds[number])
        own = flagged[np.arange(len(weight)), rows.target]
        self.own[number] += np.bincount(rows.target, weight, self.n_classes)
        self.flagged[number] += np.einsum("i,ik->k", weight, flagged)
        self.flagged_squares[number] += np.einsum("i,ik->k", np.square(weight), flagged)
        self.flagged_own[number] += np.bincount(rows.target, weight * own, self.n_classes)
        how_many = np.minimum(flagged.sum(axis=1), 2)
        self.flag_counts += np.bincount(how_many, weight, 3)
        one = how_many == 1
        decided = RowScores(*(column[one] for column in scores))
        decided = decided._replace(rank=np.where(own[one], 0, 1))
        zeros = np.zeros(int(one.sum()), dtype=np.int64)
        self.unique.add(zeros, decided, target_prob[one], weight[one], zeros)


def policy_probs(logits: Array, temperature: float) -> NDArray[np.float64]:
    """Return probabilities in float64, as a policy computes them: a decision does not depend on the storage."""
    logits = logits.astype(np.float64, copy=False)
    probs: NDArray[np.float64] = backend_for(logits).row_softmax(logits, scale=1.0 / temperature)
    return probs


def _place(column: str, columns: tuple[str, ...]) -> int:
    """Return where a column stands among those that a source was opened with."""
    if column not in columns:
        raise OptionError(
            "xent audit",
            f"a slice must be of a column that the source was given to read; got {column!r}",
            f"it was given {', '.join(map(repr, columns)) or 'none'}: see Columns.slices, or slices= of ArraySource",
        )
    return columns.index(column)


def _has_few_decimals(values: Array) -> bool:
    """Return whether all numbers have at most four decimals, within what storing them in float32 changes."""
    scaled = values.astype(np.float64) * 1e4
    return bool((np.abs(scaled - np.rint(scaled)) <= 2e-7 * np.abs(scaled) + 1e-9).all())


def weights(rows: Rows) -> NDArray[np.float64]:
    """Return the rows' weights, 1 each where there are none."""
    return np.ones(len(rows.row)) if rows.weight is None else rows.weight


def _start(sample: SmallestKeys) -> float:
    """Return the temperature of a sample, 1 where it has none."""
    if not len(sample.keys):
        return 1.0
    logits, target, _ = sample.columns
    fit = TemperatureFit(typical_temperature(logits), tolerance=1e-4)
    while not fit.done:
        fit.add(logits, target)
        fit.step()
    return fit.temperature


def run(source: Source, options: Options, progress: Progress = no_progress, unknowns: Source | None = None) -> Audit:
    """Audit a source: all passes, and one over the unknowns."""
    audit = Audit(source, options, unknowns)
    audit.look(progress)
    audit.fit(progress)
    if audit.unknowns is not None:
        audit.unknowns.read(audit.n_classes, source.description.kind, len(audit.fits), options.seed, progress)
    audit.choose(progress)
    audit.score(progress)
    audit.sha256 = source.sha256()
    return audit
