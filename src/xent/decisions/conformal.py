"""Conformal sets: for each row the classes that cannot be ruled out, with a coverage that needs no model to be right.

Source: Vovk, Gammerman & Shafer 2005 (doi:10.1007/b106715); Lei et al. 2018 (doi:10.1080/01621459.2017.1307116).
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import Estimate
from xent._pieces import pieces
from xent.decisions._conformity import Penalty, tail_mass
from xent.decisions._set_quality import SetQuality, set_quality
from xent.errors import DataError, OptionError, ShapeError, XentError

Array = NDArray[Any]
Float64 = NDArray[np.float64]

SCHEMA = "xent.conformal/1"

_CLASS = "ConformalClassifier"
_PENALTY, _K_REG = 0.01, 5


class ConformalClassifier:
    r"""Split conformal prediction: sets of classes that hold the right one with probability ≥ ``coverage``.

    :meth:`fit` takes n calibration rows and keeps one number: the threshold t, the r-th largest of their conformity
    scores c(x, y) with the rank r = ⌈(n + 1) · coverage⌉. :meth:`predict_set` returns {k : c(x, k) ≥ t}.

    **Guarantee.** If the calibration rows and the new row are exchangeable (drawn alike, in an order that says
    nothing), and neither the model nor its calibrator was fitted on the calibration rows, then

        coverage ≤ P(right class in the set) ≤ coverage + 1/(n+1)

    the upper bound only where scores do not tie; ties make sets larger, never too small. The probability is over the
    draw of calibration rows *and* new row: :meth:`realised_coverage` says what one calibration set comes to. It is an
    average over all rows; a class, or a group, may have less, unless ``per_class``. A shift of the data breaks it.

    Parameters
    ----------
    method
        The conformity score c(x, k); the papers' nonconformity score is 1 - c.

        - ``"lac"``: p_k. The smallest sets on average; where the model is unsure they may be **empty**, which says that
          no class is likely enough. There is no option against that: adding the top class would only add coverage that
          was not asked for.
        - ``"aps"``: the probability of k and of all classes no likelier than it. Sets grow where the model is unsure.
        - ``"raps"``: that less ``penalty`` · max(0, rank_k - k_reg), the rank of the top class being 1: fewer classes
          from the tail.
    coverage
        1 - α, in (0, 1), read as the decimal number that it prints as: 0.9 is nine tenths, so that r is exact.
    per_class
        Whether each class has its own threshold, from its own rows, and so its own guarantee P(y in set | y = k) ≥
        ``coverage`` ("class-conditional", "Mondrian"). Each class then needs ``needed_`` rows.
    randomized
        Of APS and RAPS. False: a class counts whole in c, which is Romano et al.'s score with u = 1: sets are never
        empty, coverage is at least what was asked, and a little more where the top class alone is often enough. True:
        c counts only u · p_k of class k itself, with u uniform in [0, 1): coverage is exact within 1/(n+1), and sets
        may be empty. u is a hash of the row's probabilities and of ``seed``: the same row has the same set, in
        whatever batch and process.
    penalty, k_reg
        Of RAPS: finite and ≥ 0, and a whole number ≥ 0; None is 0.01 and 5. They are part of the score: choose them on
        rows that are **not** the calibration rows, else the guarantee is lost.
    seed
        Of ``randomized``, a whole number in [0, 2^64).

    Attributes
    ----------
    threshold_
        t, or one a class (K,) if ``per_class``: -inf where there are too few rows. For LAC the least probability that a
        class of the set has; 1 - t is the quantile of the papers.
    n_
        Calibration rows, or those of each class (K,).
    needed_
        The fewest rows, of each class if ``per_class``, with which ``coverage`` can be promised by less than all
        classes: ⌈coverage / (1 - coverage)⌉, 9 for 0.9 and 99 for 0.99.
    reason_
        None, or that there are fewer: then the set is all classes or, if ``per_class``, every set holds those classes.
    n_classes_
        K.

    Raises
    ------
    OptionError
        An option out of range, or one of another method.

    Notes
    -----
    Classes of equal probability go into a set together or not at all. Scores are summed from the least probable class
    up, in float64, so rows whose top probability rounds to 1 are still told apart. float32 and float64 probabilities of
    the same logits differ by rounding: give :meth:`fit` and :meth:`predict_set` the same kind. Calibration rows have no
    weights, for the guarantee rests on their being exchangeable.

    The deterministic set of APS is often taken to be {k : cumulated probability up to and with k ≤ q}, with the class
    that crosses q added (u = 0 in calibration, u = 1 in prediction). That covers too, but far beyond what was asked.

    Source: LAC: Sadinle, Lei & Wasserman 2019 (doi:10.1080/01621459.2017.1395341). APS: Romano, Sesia & Candès 2020
    (arXiv:2006.02544). RAPS: Angelopoulos et al. 2021 (arXiv:2009.14193). Class-conditional: Vovk 2012
    (arXiv:1209.2673).

    Examples
    --------
    >>> from xent.decisions.conformal import ConformalClassifier
    >>> p = np.linspace(0.5, 0.98, 19)  # of class 0, which is right in each of 19 rows
    >>> conformal = ConformalClassifier("lac", coverage=0.9).fit(np.column_stack([p, 1 - p]), [0] * 19)
    >>> round(conformal.threshold_, 4)  # the 18th largest: 20 · 0.9
    0.5267
    >>> conformal.predict_set([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]])
    array([[ True, False],
           [False,  True],
           [False, False]])
    """

    threshold_: Any
    n_: Any
    needed_: int
    reason_: str | None
    n_classes_: int

    def __init__(
        self,
        method: str = "lac",
        *,
        coverage: float = 0.9,
        per_class: bool = False,
        randomized: bool = False,
        penalty: float | None = None,
        k_reg: int | None = None,
        seed: int = 0,
    ) -> None:
        _validate.choice(_CLASS, "method", method, ("lac", "aps", "raps"), "'lac' gives the smallest sets")
        if not (_is_number(coverage) and 0.0 < coverage < 1.0):
            raise OptionError(_CLASS, f"coverage must lie in (0, 1); got {coverage!r}", "0.9 is α = 0.1")
        for name, flag in (("per_class", per_class), ("randomized", randomized)):
            if not isinstance(flag, (bool, np.bool_)):
                raise OptionError(_CLASS, f"{name} must be True or False; got {flag!r}")
        if method == "lac" and randomized:
            raise OptionError(
                _CLASS, "randomized must be False for method='lac'; got True", "it is of 'aps' and 'raps'"
            )
        for name, value in (("penalty", penalty), ("k_reg", k_reg)):
            if method != "raps" and value is not None:
                raise OptionError(
                    _CLASS, f"{name} must be None for method={method!r}; got {value!r}", "it is of 'raps'"
                )
        if penalty is not None:
            penalty = _validate.non_negative(_CLASS, "penalty", penalty)
        if k_reg is not None and not (_is_whole(k_reg) and k_reg >= 0):
            raise OptionError(_CLASS, f"k_reg must be a whole number ≥ 0; got {k_reg!r}", "5 is common")
        if not (_is_whole(seed) and 0 <= seed < 1 << 64):
            raise OptionError(_CLASS, f"seed must be a whole number in [0, 2^64); got {seed!r}", "0 will do")
        self.method = method
        self.coverage = float(coverage)
        self.per_class = bool(per_class)
        self.randomized = bool(randomized)
        self.penalty = (_PENALTY if penalty is None else penalty) if method == "raps" else None
        self.k_reg = (_K_REG if k_reg is None else int(k_reg)) if method == "raps" else None
        self.seed = int(seed)

    def __repr__(self) -> str:
        options = {name: getattr(self, name) for name in _OPTIONS if getattr(self, name) is not None}
        return f"{_CLASS}({', '.join(f'{name}={value!r}' for name, value in options.items())})"

    # --- fitting ------------------------------------------------------------------------------------------------------

    def fit(self, probs: ArrayLike, target: ArrayLike) -> ConformalClassifier:
        """Choose the threshold from calibration rows.

        Parameters
        ----------
        probs
            Probabilities (n, K), float16, float32 or float64, each row summing to 1: of rows on which neither the model
            nor its calibrator was fitted. n may be 0.
        target
            Class indices (n,).

        Returns
        -------
        The classifier itself.

        Raises
        ------
        ShapeError, DtypeError, TargetError
            Probabilities that are not (n, K) or no distributions (NaN too); labels that are no classes.
        """
        rows = _distributions(f"{_CLASS}.fit", probs)
        index = _classes(f"{_CLASS}.fit", target, rows)
        n, n_classes = rows.shape
        scores = np.empty(n)
        for part in pieces(n, n_classes):
            scores[part] = np.take_along_axis(self._conformity(rows[part]), index[part, None], axis=1)[:, 0]
        group = index if self.per_class else np.zeros(n, dtype=np.int64)
        counts = np.bincount(group, minlength=n_classes if self.per_class else 1)
        ends = np.cumsum(counts)
        ascending = scores[np.lexsort((scores, group))]
        ranks = np.array([self._rank(int(count)) for count in counts])
        enough = ranks <= counts
        threshold = np.full(len(counts), -math.inf)
        threshold[enough] = ascending[(ends - ranks)[enough]]
        self._set(threshold, counts, n_classes)
        return self

    def _rank(self, n: int) -> int:
        return math.ceil((n + 1) * _decimal(self.coverage))

    def _set(self, threshold: Float64, counts: NDArray[np.int64], n_classes: int) -> None:
        self.n_classes_ = n_classes
        self.threshold_ = threshold if self.per_class else float(threshold[0])
        self.n_ = counts if self.per_class else int(counts[0])
        exact = _decimal(self.coverage)
        self.needed_ = math.ceil(exact / (1 - exact))
        short = np.flatnonzero(counts < self.needed_)
        self.reason_ = None
        if len(short) and not self.per_class:
            self.reason_ = (
                f"coverage {self.coverage:g} needs {self.needed_} calibration rows, and there are {counts[0]}: "
                "every set holds all classes"
            )
        elif len(short):
            named = ", ".join(f"{k} ({counts[k]} rows)" for k in short[:5]) + (" …" if len(short) > 5 else "")
            self.reason_ = (
                f"coverage {self.coverage:g} needs {self.needed_} calibration rows of each class: "
                f"every set holds the {len(short)} of {n_classes} with fewer: {named}"
            )

    def _conformity(self, rows: Array) -> Float64:
        """Return c(x, k) of every class, (n, K)."""
        if self.method == "lac":
            return rows.astype(np.float64, copy=False)
        penalty = None if self.penalty is None or self.k_reg is None else Penalty(self.penalty, self.k_reg)
        return tail_mass(rows, penalty, self.seed if self.randomized else None)

    # --- using --------------------------------------------------------------------------------------------------------

    def predict_set(self, probs: ArrayLike) -> NDArray[np.bool_]:
        """Return which classes each row's set holds.

        Parameters
        ----------
        probs
            Probabilities (n, K), made as those of :meth:`fit` were.

        Returns
        -------
        Booleans (n, K). ``sets.sum(axis=1)`` are the sizes.

        Raises
        ------
        ShapeError, DtypeError, TargetError, OptionError
            Probabilities that are not (n, K) or no distributions (NaN too); no :meth:`fit` before.
        """
        rows = self._rows(f"{_CLASS}.predict_set", probs)
        sets = np.empty(rows.shape, dtype=bool)
        for part in pieces(*rows.shape):
            sets[part] = self._conformity(rows[part]) >= self.threshold_
        return sets

    def realised_coverage(self, confidence: float = 0.95) -> Estimate | tuple[Estimate, ...]:
        """Return what the coverage of *this* calibration set may come to, over all rows that are still to be seen.

        Over calibration draws it is distributed as Beta(r, n + 1 - r) where scores do not tie, and is larger where they
        do. ``value`` is its mean r/(n + 1); ``low`` and ``high`` leave (1 - confidence)/2 on either side. It is 1 where
        n is too small, and one estimate a class if ``per_class``. Needs SciPy.

        Raises
        ------
        OptionError, ImportError
            A confidence outside (0, 1); no :meth:`fit` before; SciPy is missing.

        Notes
        -----
        Source: Vovk 2012 (arXiv:1209.2673).

        Examples
        --------
        >>> from xent.decisions.conformal import ConformalClassifier
        >>> p = np.linspace(0.5, 0.98, 1000)
        >>> conformal = ConformalClassifier().fit(np.column_stack([p, 1 - p]), [0] * 1000)
        >>> found = conformal.realised_coverage()
        >>> print(f"{found.low:.3f} to {found.high:.3f}")
        0.881 to 0.918
        """
        function = f"{_CLASS}.realised_coverage"
        self._check_fitted(function)
        if not (_is_number(confidence) and 0.0 < confidence < 1.0):
            raise OptionError(function, f"confidence must lie in (0, 1); got {confidence!r}", "0.95 is common")
        found = tuple(self._realised(function, int(n), float(confidence)) for n in np.atleast_1d(self.n_))
        return found if self.per_class else found[0]

    def _realised(self, function: str, n: int, confidence: float) -> Estimate:
        rank = self._rank(n)
        if rank > n:
            return Estimate(1.0, 1.0, 1.0, n)
        try:
            from scipy.special import betaincinv
        except ImportError as error:
            raise ImportError(
                f"{function}: SciPy must be installed; got {error}\n\nhint: pip install 'xent[audit]'"
            ) from error
        tail = (1.0 - confidence) / 2.0
        low, high = betaincinv(rank, n + 1 - rank, [tail, 1.0 - tail])
        return Estimate(rank / (n + 1), float(low), float(high), n)

    def evaluate(self, probs: ArrayLike, target: ArrayLike) -> SetQuality:
        """Return coverage and size of the sets of rows whose classes are known, and that :meth:`fit` has not seen.

        Parameters
        ----------
        probs
            Probabilities (n, K).
        target
            Class indices (n,).

        Returns
        -------
        A :class:`SetQuality`; an estimate without rows is NaN and says so in its ``reason``.

        Raises
        ------
        ShapeError, DtypeError, TargetError, OptionError
            As :meth:`fit` and :meth:`predict_set`.

        Notes
        -----
        Source: coverage by set size: Angelopoulos et al. 2021 (arXiv:2009.14193).

        Examples
        --------
        >>> from xent.decisions.conformal import ConformalClassifier
        >>> probs = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]]
        >>> quality = ConformalClassifier(coverage=0.5).fit(probs, [0, 0, 1]).evaluate(probs, [0, 1, 1])
        >>> round(quality.coverage.value, 3), round(quality.size.value, 3), round(quality.empty.value, 3)
        (0.667, 0.667, 0.333)
        """
        function = f"{_CLASS}.evaluate"
        rows = self._rows(function, probs)
        index = _classes(function, target, rows)
        n, n_classes = rows.shape
        sizes, hit = np.empty(n, dtype=np.int64), np.empty(n, dtype=bool)
        for part in pieces(n, n_classes):
            sets = self._conformity(rows[part]) >= self.threshold_
            sizes[part] = sets.sum(axis=1)
            hit[part] = np.take_along_axis(sets, index[part, None], axis=1)[:, 0]
        return set_quality(sizes, hit, index, n_classes)

    def _rows(self, function: str, probs: ArrayLike) -> Array:
        """Return the probabilities to predict from."""
        self._check_fitted(function)
        rows = _distributions(function, probs)
        if rows.shape[1] != self.n_classes_:
            raise ShapeError(
                function,
                f"probs must have shape (rows, {self.n_classes_}), as in fit; got {rows.shape}",
                "one column a class",
            )
        return rows

    def _check_fitted(self, function: str) -> None:
        if not hasattr(self, "threshold_"):
            raise OptionError(function, f"fit must come first; got {self!r}, not fitted", "call fit(probs, target)")

    # --- storing ------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return the fitted classifier as JSON text; :meth:`from_json` gives it back, every threshold to the bit.

        Raises
        ------
        OptionError
            No :meth:`fit` before.
        """
        self._check_fitted(f"{_CLASS}.to_json")
        content = {
            "schema": SCHEMA,
            **{name: getattr(self, name) for name in _OPTIONS},
            "n_classes": self.n_classes_,
            "n": np.atleast_1d(self.n_).tolist(),
            "threshold": [None if t == -math.inf else t for t in np.atleast_1d(self.threshold_).tolist()],
        }
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ConformalClassifier:
        """Return the classifier of a text that :meth:`to_json` wrote.

        Raises
        ------
        DataError
            The text is no such JSON.
        """
        function = f"{_CLASS}.from_json"
        anew = "write it anew with to_json"
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(function, f"text must be JSON; got {error}", anew) from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            schema = content.get("schema") if isinstance(content, dict) else type(content).__name__
            raise DataError(function, f"text must have schema {SCHEMA!r}; got {schema!r}", anew)
        for name in (*_OPTIONS, "n_classes", "n", "threshold"):
            if name not in content:
                raise DataError(function, f"text must hold {name!r}; it is missing", anew)
        try:
            found = cls(**{name: content[name] for name in _OPTIONS})
        except XentError as error:
            raise DataError(function, error.problem, error.hint or anew) from None
        n_classes, counts, threshold = content["n_classes"], content["n"], content["threshold"]
        if not (_is_whole(n_classes) and n_classes >= 1):
            raise DataError(function, f"n_classes must be a whole number ≥ 1; got {n_classes!r}", anew)
        length = n_classes if found.per_class else 1
        if not (isinstance(counts, list) and len(counts) == length and all(_is_whole(n) and n >= 0 for n in counts)):
            raise DataError(function, f"n must be {length} whole numbers ≥ 0; got {counts!r}", anew)
        # None stands for -inf, where there were too few rows, and nowhere else.
        sound = isinstance(threshold, list) and len(threshold) == length
        sound = sound and all(
            t is None if found._rank(n) > n else _is_number(t) for t, n in zip(threshold, counts, strict=True)
        )
        if not sound:
            raise DataError(
                function, f"threshold must be {length} numbers, null where n is too small; got {threshold!r}", anew
            )
        limits = np.array([-math.inf if t is None else float(t) for t in threshold])
        found._set(limits, np.array(counts, dtype=np.int64), n_classes)
        return found


_OPTIONS = ("method", "coverage", "per_class", "randomized", "penalty", "k_reg", "seed")


def _is_number(value: Any) -> bool:
    return _validate.finite(value) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _decimal(value: float) -> Fraction:
    """Return the decimal number that a float prints as: 0.9 is 9/10, not the float next to it."""
    return Fraction(repr(float(value)))


def _distributions(function: str, probs: ArrayLike) -> Array:
    rows = _validate.floating(function, "probs", probs)
    _validate.rows(function, "probs", rows)
    _validate.check_distributions(function, "probs", rows)
    return rows


def _classes(function: str, target: ArrayLike, rows: Array) -> NDArray[np.int64]:
    given = _validate.as_array(function, "target", target)
    if given.shape != (len(rows),):
        raise ShapeError(
            function,
            f"target must have shape ({len(rows)},), one class index a row; got {given.shape}",
            "take argmax of one-hot rows",
        )
    _validate.is_class_index(function, given, rows.shape, 1)
    return _validate.class_indices(function, given, rows.shape[1])
