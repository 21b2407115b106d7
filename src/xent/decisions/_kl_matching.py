"""KL matching: how near a row's distribution comes to the mean distribution of some class."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._pieces import pieces
from xent.errors import DataError, OptionError, ShapeError, TargetError
from xent.information import _kl
from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]

SCHEMA = "xent.kl-matching/1"


class KLMatching:
    """Negative divergence from the nearest class, -min_j KL(p ‖ d_j) in nats. Higher = more in-distribution.

    d_j is the mean of softmax(z) over the calibration rows of class j: what the model usually says of it. An unknown
    row gives a distribution that is usual for no class.

    Attributes
    ----------
    templates_
        The d_j, float64 (C, K), of the C classes that have calibration rows.
    classes_
        Those classes (C,). A class without rows has no template, and no row can match it.

    Notes
    -----
    Needs C · K numbers, and n · C · K operations. The nearest class is chosen from a matrix product, and its divergence
    then summed from terms that are all ≥ 0, so that small divergences keep their digits.

    Source: Hendrycks et al. 2022 (arXiv:1911.11132).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> matching = ood.KLMatching().fit([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    >>> matching.score([[2.0, 2.0, 0.0], [0.0, 0.0, 4.0]]).round(3)
    array([-1.277, -3.788])
    """

    templates_: Float64
    classes_: NDArray[np.int64]

    def fit(self, logits: ArrayLike, target: ArrayLike | None = None) -> KLMatching:
        """Compute the classes' mean distributions.

        Parameters
        ----------
        logits
            Scores (n, K) of in-distribution rows, best those on which the model was not fitted.
        target
            Class indices (n,); None takes the predicted classes, as the source does.

        Returns
        -------
        The object itself.

        Raises
        ------
        ShapeError, DtypeError, TargetError, OptionError
            Logits that are not (n, K) or of no rows; rows without a distribution; labels that are no classes.
        """
        function = "KLMatching.fit"
        rows = _validate.floating(function, "logits", logits)
        _validate.rows(function, "logits", rows)
        n, n_classes = rows.shape
        if n == 0:
            raise ShapeError(function, f"logits must have at least one row; got {rows.shape}", "pass calibration rows")
        top = rows.max(axis=1)
        if not np.isfinite(top).all():
            row = int((~np.isfinite(top)).argmax())
            raise OptionError(
                function,
                f"logits must not be NaN, +inf or -inf throughout a row; got {top[row]} as the largest at row {row}",
                "leave such rows out",
            )
        if target is None:
            index = rows.argmax(axis=1)
        else:
            if not _validate.is_class_index(function, target, rows.shape, 1):
                raise TargetError(
                    function, f"target must be class indices; got shape {np.shape(target)}", "take argmax"
                )
            index = _validate.class_indices(function, target, n_classes)
        order = np.argsort(index, kind="stable")
        counts = np.bincount(index, minlength=n_classes)
        self.classes_ = np.flatnonzero(counts)
        self.templates_ = np.zeros((len(self.classes_), n_classes))
        place = np.searchsorted(self.classes_, index[order])
        for part in pieces(n, n_classes):
            z = np.ascontiguousarray(rows[order[part]], dtype=np.float64)
            first = np.flatnonzero(np.diff(place[part], prepend=-1))
            self.templates_[place[part][first]] += np.add.reduceat(backend_for(z).row_softmax(z), first, axis=0)
        self.templates_ /= self.templates_.sum(axis=1, keepdims=True)
        return self

    def score(self, logits: ArrayLike) -> Float64:
        """Return the score of each row.

        Parameters
        ----------
        logits
            Scores (n, K).

        Returns
        -------
        float64 (n,) in [-inf, 0]: 0 for a class's own mean, -inf where every class gives 0 to something that the row
        does not, NaN for a row without a distribution.

        Raises
        ------
        ShapeError, DtypeError, OptionError
            Logits of another shape; not real numbers; no :meth:`fit` before.
        """
        function = "KLMatching.score"
        self._check_fitted(function)
        rows = _validate.floating(function, "logits", logits)
        _validate.rows(function, "logits", rows)
        n, n_classes = rows.shape
        if n_classes != self.templates_.shape[1]:
            raise ShapeError(
                function,
                f"logits must have shape (rows, {self.templates_.shape[1]}), as in fit; got {rows.shape}",
                "one column a class",
            )
        with np.errstate(divide="ignore"):
            log_templates = np.maximum(np.log(self.templates_), -1e300).T  # -inf · 0 would be NaN
        result = np.empty(n)
        for part in pieces(n, n_classes):
            z = np.ascontiguousarray(rows[part], dtype=np.float64)
            p = backend_for(z).row_softmax(z)
            known = ~np.isnan(p[:, 0])
            nearest = (np.where(known[:, None], p, 0.0) @ log_templates).argmax(axis=1)
            result[part] = np.where(known, -_kl(p, self.templates_[nearest]), np.nan)
        return result

    def to_json(self) -> str:
        """Return the fitted templates as JSON text: C · K numbers.

        Raises
        ------
        OptionError
            No :meth:`fit` before.
        """
        self._check_fitted("KLMatching.to_json")
        content = {"schema": SCHEMA, "classes": self.classes_.tolist(), "templates": self.templates_.tolist()}
        return json.dumps(content, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> KLMatching:
        """Return the object of a text that :meth:`to_json` wrote.

        Raises
        ------
        DataError
            The text is no such JSON.
        """
        function, anew = "KLMatching.from_json", "write it anew with to_json"
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(function, f"text must be JSON; got {error}", anew) from error
        schema = content.get("schema") if isinstance(content, dict) else type(content).__name__
        if schema != SCHEMA:
            raise DataError(function, f"text must have schema {SCHEMA!r}; got {schema!r}", anew)
        try:
            templates = np.array(content.get("templates"), dtype=np.float64)
            classes = np.array(content.get("classes"), dtype=np.int64)
            sound = templates.ndim == 2 and classes.shape == templates.shape[:1] and templates.size > 0
            sound = sound and bool((np.diff(classes, prepend=-1) > 0).all() and classes[-1] < templates.shape[1])
            sound = sound and bool((templates >= 0).all() and (abs(templates.sum(axis=1) - 1.0) < 1e-9).all())
        except (TypeError, ValueError, OverflowError):
            sound = False
        if not sound:
            raise DataError(function, "text must hold classes (C,) and a distribution for each, templates (C, K)", anew)
        found = cls()
        found.templates_, found.classes_ = templates, classes
        return found

    def _check_fitted(self, function: str) -> None:
        if not hasattr(self, "templates_"):
            raise OptionError(function, "fit must come first; got KLMatching(), not fitted", "call fit(logits)")
