"""What every calibrator shares: the protocol, the checks of its rows, and its life as JSON, as code and as a module.

A calibrator is a *formula* and what was fitted for it. The formula is one small function of an array module, the
logits and the fitted numbers, ``formula(xp, z, *, temperature)``, written in what NumPy and PyTorch have in common. It
is what :meth:`Calibrator.transform` runs, what :meth:`Calibrator.to_torch` wraps and what :meth:`Calibrator.to_code`
prints, so that the three cannot differ.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._files import write_files
from xent.calibration._code import code
from xent.calibration._rows import CalibrationRows, read_rows
from xent.errors import DataError, OptionError, ShapeError, XentError
from xent.functional import sigmoid, softmax

if TYPE_CHECKING:
    import torch

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

SCHEMA = "xent.calibrator/1"
_WORDS = ("inf", "-inf", "nan")  # numbers that JSON has none for


class Calibrator:
    """Calibrated logits from logits: fitted on rows that the classifier did not learn from.

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    classes_
        The classes, 0 … K-1: one a column, also where the rows had none of a class.
    rows_
        How many rows it was fitted on.
    """

    #: What of the logits stays as it was, for people to read.
    preserves: ClassVar[str]
    #: The formula, and the names (with their underscore) of the attributes that it takes.
    _formula: ClassVar[Callable[..., Any]]
    _fitted: ClassVar[tuple[str, ...]]
    #: Whether it takes one logit a row, the log-odds of class 1, as well as a column a class.
    _takes_vector: ClassVar[bool] = False
    #: Whether classes of probability 0 (logits of -inf) have a place in the formula.
    _takes_minus_inf: ClassVar[bool] = False
    _kinds: ClassVar[dict[str, type[Calibrator]]] = {}

    classes_: Int64
    rows_: int

    def __init__(self, *, ignore_index: int = -100) -> None:
        self.ignore_index = ignore_index

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.rows_wanted is not Calibrator.rows_wanted:  # else it is a base of others
            Calibrator._kinds[cls.__name__] = cls

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return about how many rows it wants for K classes: below it, a simpler calibrator usually does better."""
        raise NotImplementedError

    # Fitting and using ----------------------------------------------------------------------------------------------

    def fit(self, logits: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on rows that the classifier did not learn from.

        Parameters
        ----------
        logits
            Scores (n, K); where it says so also (n,), the log-odds of class 1. Not probabilities:
            :func:`~xent.calibration.from_probs` makes logits of them.
        target
            Class indices (n,), integers; of two classes also booleans. Rows with ``ignore_index`` are left out.
        sample_weight
            One finite weight ≥ 0 a row; a row of weight 0 is as if it were not there.

        Returns
        -------
        Itself.

        Raises
        ------
        ShapeError, DtypeError, TargetError, OptionError
            Logits of another shape, NaN, +inf, all -inf (some calibrators: any -inf); labels that are no classes; no
            row that is left.
        """
        rows = self._read(logits, target, sample_weight)
        n_classes = 2 if rows.logits.ndim == 1 else rows.logits.shape[1]
        self._fit(rows)
        self.classes_ = np.arange(n_classes)
        self.rows_ = len(rows.target)
        return self

    def transform(self, logits: ArrayLike) -> Float64:
        """Return the calibrated logits, float64 of the shape of ``logits``; a NaN row stays NaN."""
        function = self._name("transform")
        self._check_fitted(function)
        z = self._check_shape(function, _validate.floating(function, "logits", logits))
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            return np.asarray(self._apply(z.astype(np.float64, copy=False)), dtype=np.float64)

    def predict_proba(self, logits: ArrayLike) -> Float64:
        """Return the calibrated probabilities (n, K) float64, also of one logit a row: then (1 - p, p)."""
        calibrated = self.transform(logits)
        if calibrated.ndim == 1:
            return np.stack([sigmoid(-calibrated), sigmoid(calibrated)], axis=1)
        return np.asarray(softmax(calibrated))

    def fit_transform(self, logits: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None = None) -> Float64:
        """Fit, and return the calibrated logits of the same rows: no score of these is honest."""
        return self.fit(logits, target, sample_weight).transform(logits)

    def _fit(self, rows: CalibrationRows) -> None:
        """Set the attributes that ``_fitted`` names."""
        raise NotImplementedError

    def _apply(self, z: Float64) -> Float64:
        """Return the calibrated logits of float64 logits of the right shape."""
        result: Float64 = type(self)._formula(np, z, **self._constants())
        return result

    def _constants(self) -> dict[str, Any]:
        """Return what the formula takes, by the names that it gives them."""
        return {name.rstrip("_"): getattr(self, name) for name in self._fitted}

    # Checks ---------------------------------------------------------------------------------------------------------

    def _name(self, method: str) -> str:
        return f"{type(self).__name__}.{method}"

    def _check_fitted(self, function: str) -> None:
        if not hasattr(self, "classes_"):
            raise OptionError(function, "calibrator must be fitted first; got one that is not", "call fit()")

    def _check_shape(self, function: str, z: Array) -> Array:
        """Check the shape of logits that are to be transformed."""
        n_classes = len(self.classes_)
        vector = self._takes_vector and n_classes == 2
        if not ((z.ndim == 1 and vector) or (z.ndim == 2 and z.shape[1] == n_classes)):
            shape = f"(rows, {n_classes})" + (" or (rows,)" if vector else "")
            raise ShapeError(
                function, f"logits must have shape {shape}; got {z.shape}", f"it was fitted on {n_classes} classes"
            )
        return z

    def _read(self, logits: ArrayLike, target: ArrayLike, sample_weight: ArrayLike | None) -> CalibrationRows:
        """Return the rows that count, having checked every argument of fit()."""
        rows, _ = read_rows(
            self._name("fit"),
            logits,
            target,
            sample_weight,
            ignore_index=self.ignore_index,
            takes_vector=self._takes_vector,
            takes_minus_inf=self._takes_minus_inf,
        )
        return rows

    # scikit-learn's protocol ----------------------------------------------------------------------------------------

    @classmethod
    def _parameter_names(cls) -> list[str]:
        names: dict[str, None] = {}
        for parent in cls.__mro__:
            if "__init__" in vars(parent) and issubclass(parent, Calibrator):
                kinds = inspect.signature(vars(parent)["__init__"]).parameters.values()
                names.update(
                    {each.name: None for each in kinds if each.name != "self" and each.kind != each.VAR_KEYWORD}
                )
        return list(names)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, as ``sklearn.base.clone`` asks; ``deep`` changes nothing."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Change constructor arguments; a fit must follow for them to matter."""
        names = self._parameter_names()
        for name, value in params.items():
            if name not in names:
                raise OptionError(
                    self._name("set_params"), f"a parameter must be one of {', '.join(names)}; got {name!r}", ""
                )
            setattr(self, name, value)
        return self

    def clone(self) -> Self:
        """Return an unfitted calibrator with the same arguments."""
        return type(self)(**self.get_params())

    def __eq__(self, other: object) -> bool:
        if not (isinstance(other, Calibrator) and type(other) is type(self)):
            return NotImplemented
        fitted = [hasattr(each, "classes_") for each in (self, other)]
        if all(fitted):
            return self.to_dict() == other.to_dict()
        return not any(fitted) and self.get_params() == other.get_params()

    __hash__ = None  # type: ignore[assignment]  # it changes when it is fitted

    def __repr__(self) -> str:
        default = type(self)().get_params()
        inside = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items() if value != default[name])
        return f"{type(self).__name__}({inside})"

    # As JSON, as code, as a module ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return it as what JSON can hold: numbers, lists, and "inf", "-inf", "nan" for what JSON has no number for."""
        self._check_fitted(self._name("to_dict"))
        return {
            "schema": SCHEMA,
            "kind": type(self).__name__,
            "params": self.get_params(),
            "n_classes": len(self.classes_),
            "rows": self.rows_,
            "fitted": {name.rstrip("_"): _plain(getattr(self, name)) for name in self._stored()},
        }

    @classmethod
    def from_dict(cls, content: Any) -> Calibrator:
        """Return the calibrator of a :meth:`to_dict`.

        Raises
        ------
        DataError
            It is no calibrator of this version, or of another class than the one it is asked of.
        """
        function = f"{cls.__name__}.from_dict"
        again = "write it anew with save()"
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            got = content.get("schema") if isinstance(content, dict) else type(content).__name__
            raise DataError(function, f"calibrator must have schema {SCHEMA!r}; got {got!r}", again)
        kind = Calibrator._kinds.get(str(content.get("kind")))
        if kind is None or not issubclass(kind, cls):
            raise DataError(
                function, f"kind must name a calibrator of this class; got {content.get('kind')!r}", "Calibrator.load"
            )
        try:
            result = kind(**content["params"])
            fitted = content["fitted"]
            for name in kind._stored():
                setattr(result, name, _numbers(fitted[name.rstrip("_")]))
            result.classes_ = np.arange(int(content["n_classes"]))
            result.rows_ = int(content["rows"])
            result._check_numbers()
            result.transform(np.zeros((1, len(result.classes_))))  # numbers that do not go together fail here
        except KeyError as error:
            raise DataError(function, f"calibrator must hold {error}; it is missing", again) from None
        except XentError as error:
            raise DataError(function, error.problem, again) from None
        except (TypeError, ValueError, OverflowError, IndexError) as error:
            raise DataError(function, f"calibrator must be whole; got {error}", again) from None
        return result

    def _check_numbers(self) -> None:
        """Check what was read from a file: each constant of the formula is a number, an array, or a set a class."""
        for name in self._fitted:
            if name.rstrip("_") in self._parameter_names():
                continue  # a word, which its class checks
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float | np.ndarray | list):
                raise OptionError(self._name("load"), f"{name.rstrip('_')} must be a number; got {value!r}")

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        """Return the attributes that JSON keeps: what the formula takes, and what a subclass adds for people."""
        return cls._fitted

    def save(self, path: str | Path) -> None:
        """Write it to a file as JSON, whole or not at all.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        path = Path(path)
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        try:
            write_files(path.parent, {path.name: text})
        except OSError as error:
            raise DataError(
                self._name("save"),
                f"{path} must be a file that can be written; got {error.strerror or error}",
                f"the folder {path.parent} must be there and have room",
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> Calibrator:
        """Read a calibrator from a file: of this class, or of any where it is asked of ``Calibrator``.

        Raises
        ------
        DataError
            The file cannot be read, or is no such calibrator.
        """
        function = f"{cls.__name__}.load"
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(function, f"{path} must be readable; got {error.strerror or error}", "") from error
        except (ValueError, RecursionError) as error:
            raise DataError(function, f"{path} must be JSON; got {error}", "save() writes it") from error
        return cls.from_dict(content)

    def to_code(self) -> str:
        """Return the few lines of NumPy that :meth:`transform` amounts to: ``calibrate(z)``, with its numbers.

        They stand alone; ``z`` is a float64 array of the logits.
        """
        self._check_fitted(self._name("to_code"))
        return code(type(self)._formula, self._constants())

    def to_torch(self) -> torch.nn.Module:
        """Return a module that takes a tensor of logits to calibrated logits, differentiable in them.

        Its numbers are float64 buffers, rounded to the dtype of the logits when they meet (half precision: float32).
        """
        self._check_fitted(self._name("to_torch"))
        from xent.torch.formula import Formula

        return Formula(type(self)._formula, self._constants())


def _plain(value: Any) -> Any:
    """Return a fitted value as JSON knows it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def _numbers(value: Any) -> Any:
    """Return what :func:`_plain` made of a fitted value: arrays of numbers, dicts and lists of them, plain values."""
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list) and any(
        each is None or isinstance(each, dict) or (isinstance(each, str) and each not in _WORDS) for each in value
    ):
        return [_numbers(each) for each in value]
    if isinstance(value, list):
        return np.array(value, dtype=np.float64)
    return float(value) if value in _WORDS else value
