"""Which loss fits logits and a target of these shapes, and the line of code that computes it.

Only shapes and a dtype are looked at, never numbers. Where they can be read in two ways nothing is guessed: the error
names both readings and the argument that decides.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from xent._spellings import SPELLINGS, Spelling
from xent.errors import DtypeError, OptionError, ShapeError

Framework = Literal["xent", "torch", "xent.torch", "keras", "optax"]
Task = Literal["binary", "multiclass", "multilabel", "segmentation", "language model"]
Shape: TypeAlias = tuple[int | None, ...]


@dataclass(frozen=True)
class Recommendation:
    """A loss that fits, and how it is called; printing it shows all of it.

    Attributes
    ----------
    task
        ``"binary"``, ``"multiclass"``, ``"multilabel"``, ``"segmentation"`` (a decision at each position), or for
        three axes, the classes last, ``"language model"``.
    loss
        ``"cross-entropy of class indices"``, ``"cross-entropy of probabilities"`` or ``"binary cross-entropy of
        logits"``.
    activation
        ``"softmax"`` or ``"sigmoid"``: it is part of this loss, and must NOT stand before it.
    target_shape, target_dtype
        Those that the loss wants beside the logits as they are; ``code`` turns the target that was given into it.
    code
        One statement of Python that sets ``loss``, the mean in nats, from ``logits`` and ``target``.
    probs
        An expression of ``logits``: the probabilities, for deployment.
    notes
        What else is to be known, a short sentence each.
    """

    task: Task
    loss: str
    activation: Literal["softmax", "sigmoid"]
    target_shape: Shape
    target_dtype: str
    code: str
    probs: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        lines = [
            f"{self.task}: {self.loss}",
            f"  code    {self.code}",
            f"  logits  raw: no {self.activation} before the loss, which has its own",
            f"  target  {self.target_dtype}, of shape {self.target_shape}",
            f"  probs   {self.probs}",
        ]
        return "\n".join([*lines, *(f"  note    {note}" for note in self.notes)])


def recommend(
    logits_shape: Sequence[int | None],
    target_shape: Sequence[int | None],
    target_dtype: Any,
    *,
    exclusive: bool | None = None,
    class_axis: int | None = None,
    framework: Framework = "xent",
) -> Recommendation:
    """Say which loss fits logits and a target of these shapes, with the line of code.

    Parameters
    ----------
    logits_shape, target_shape
        Tuples of sizes; None for a size that is not known, such as the batch's. The first axis is that of the rows,
        the number of classes must be known.
    target_dtype
        A name (``"int64"``), a dtype of NumPy, PyTorch, JAX or TensorFlow, or Python's ``int``, ``float``, ``bool``.
    exclusive
        Whether exactly one class holds in each row. It is asked for where the target has the logits' shape and more
        than one class: probabilities and one-hot rows (True) look like several independent labels (False).
    class_axis
        The axis of the classes in the logits, where more than one axis may be it. Axis 0 is never taken unasked.
    framework
        Whose code: ``"xent"`` (NumPy and JAX arrays), ``"torch"``, ``"xent.torch"``, ``"keras"`` or ``"optax"``.

    Returns
    -------
    Recommendation
        A small frozen value; printing it shows all of it.

    Raises
    ------
    OptionError
        Two readings are possible, and ``exclusive`` or ``class_axis`` decides; or one of them is impossible here.
    ShapeError
        No loss takes these shapes, or the number of classes is not known.
    DtypeError
        A target that is no number, or class indices that are no integers.

    See Also
    --------
    xent.cross_entropy, xent.binary_cross_entropy : the two losses.

    Examples
    --------
    >>> import xent
    >>> xent.recommend((32, 10), (32,), "int64", framework="torch")
    multiclass: cross-entropy of class indices
      code    loss = torch.nn.functional.cross_entropy(logits, target)
      logits  raw: no softmax before the loss, which has its own
      target  int64, of shape (32,)
      probs   torch.softmax(logits, dim=1)
    >>> xent.recommend((None, 1), (None,), "float32").code
    'loss = xent.binary_cross_entropy(logits.squeeze(1), target)'
    >>> xent.recommend((8, 21, 64, 64), (8, 21, 64, 64), "float32", exclusive=True, class_axis=1).code
    'loss = xent.cross_entropy(logits, target, axis=1)'
    """
    logits, target = _shape("logits_shape", logits_shape), _shape("target_shape", target_shape)
    if len(logits) == 0 or (len(logits) == 1 and len(target) == 0):
        raise ShapeError(
            "recommend",
            f"logits_shape must have an axis of rows; got {logits} and a target of {target}",
            "add it to both, logits[None] and target[None], and say (1, classes) and (1,)",
        )
    if exclusive is not None and not isinstance(exclusive, bool):
        raise OptionError(
            "recommend",
            f"exclusive must be True, False or None; got {exclusive!r}",
            "True if exactly one class holds in each row, False if several or none may",
        )
    if framework not in get_args(Framework):
        raise OptionError(
            "recommend",
            f"framework must be one of {', '.join(map(repr, get_args(Framework)))}; got {framework!r}",
            "'xent' is for NumPy and JAX arrays",
        )
    axis = None if class_axis is None else _axis(class_axis, logits)
    given = _Given(logits, target, *_dtype(target_dtype), exclusive, axis)
    return _write(given, _read(given), SPELLINGS[framework])


# --- what was given ---------------------------------------------------------------------------------------------------


class _Given(NamedTuple):
    logits: Shape
    target: Shape
    dtype: str
    kind: Literal["int", "float", "bool"]
    exclusive: bool | None
    class_axis: int | None

    def __str__(self) -> str:
        return f"logits of shape {self.logits} and a target of shape {self.target}, {self.dtype}"


def _shape(argument: str, shape: Any) -> Shape:
    try:
        sizes = tuple(None if size is None else operator.index(size) for size in shape)
    except TypeError:
        sizes = (-1,)
    if any(size is not None and size < 0 for size in sizes):
        raise ShapeError(
            "recommend",
            f"{argument} must be a tuple of sizes, None where one is not known; got {shape!r}",
            "pass such as (None, 10), or the .shape of an array",
        )
    return sizes


def _axis(axis: Any, logits: Shape) -> int:
    known = isinstance(axis, int) and -len(logits) <= axis < len(logits)
    if not known or len(logits) == 1:
        raise ShapeError(
            "recommend",
            f"class_axis must be an axis of logits that have an axis of rows too; got {axis!r} for {logits}",
            "axis 1 follows the rows, -1 is the last one",
        )
    return int(axis) % len(logits)


def _dtype(dtype: Any) -> tuple[str, Literal["int", "float", "bool"]]:
    """Return name and kind of a dtype, by its name: it may be that of a framework which is not loaded."""
    name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", None) or getattr(dtype, "name", None)
    name = str(dtype if name is None else name).rpartition(".")[2].lower()
    if re.fullmatch(r"bool_?", name):
        return "bool", "bool"
    if re.fullmatch(r"u?int(8|16|32|64)?|long|short", name):
        return ("int64" if name in ("int", "long") else name), "int"
    if re.fullmatch(r"b?float(16|32|64)?|half|double", name):
        return name, "float"
    raise DtypeError(
        "recommend",
        f"target_dtype must be an integer, floating or boolean dtype; got {dtype!r}",
        "pass the target's .dtype, or such as 'int64', 'float32', 'bool'; names of classes are numbered first",
    )


# --- what it can mean -------------------------------------------------------------------------------------------------


class _Reading(NamedTuple):
    """A loss: of class indices, of probabilities over the classes, or of entries that are each a decision."""

    loss: Literal["indices", "probs", "entries"]
    axis: int | None  # of the classes, if one is known; of one class where there is one logit
    drop: Literal["logits", "target"] | None = None  # whose axis of size 1, at ``axis``, is one too many


def _fits(a: Shape, b: Shape) -> bool:
    return len(a) == len(b) and all(x is None or y is None or x == y for x, y in zip(a, b, strict=True))


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _read(given: _Given) -> _Reading:
    """Return the one reading, or raise."""
    if len(given.logits) == 1:
        if _fits(given.target, given.logits):
            return _Reading("entries", None)
        if len(given.target) == 2 and given.target[1] == 1 and _fits(given.target[:1], given.logits):
            return _Reading("entries", 1, drop="target")
        raise _misfit(given)
    axis = 1 if len(given.logits) == 2 and given.class_axis is None else given.class_axis
    if axis is not None and not given.logits[axis]:
        raise _no_classes(given, axis)
    if _fits(given.target, given.logits):
        return _read_same_shape(given)

    found = list(_with_indices(given))
    if not found:
        raise _misfit(given)
    known = [reading for reading in found if given.logits[reading.axis or 0]]
    if not known:
        raise _no_classes(given, found[0].axis or 0)
    if len(known) > 1:
        raise _which_axis(given, [reading.axis or 0 for reading in known])
    (reading,) = known
    if reading.loss == "indices":
        _check_indices(given, reading.axis or 0)
    return reading


def _no_classes(given: _Given, axis: int) -> ShapeError:
    return ShapeError(
        "recommend",
        f"logits_shape must say how many classes there are; got {given.logits} with classes along axis {axis}",
        "pass their number there: 1 for one logit a row",
    )


def _read_same_shape(given: _Given) -> _Reading:
    logits, axis = given.logits, given.class_axis
    if axis is None and len(logits) == 2:
        axis = 1
    for each in {1, len(logits) - 1} if axis is None else {axis}:
        if given.target[each] is None and logits[each] not in (None, 1):
            raise ShapeError(
                "recommend",
                f"target_shape must say how long axis {each} is; got {given.target}",
                f"1 for class indices along the axis of the classes, else as long as in logits {logits}",
            )
    if axis is not None and logits[axis] == 1:
        return _Reading("entries", axis)
    if given.exclusive is None:
        hard = "one-hot rows" if given.kind != "float" else "probabilities or one-hot rows"
        own = "labels, multi-hot" if len(logits) == 2 else "decisions, multi-hot or one logit a position"
        single = [a for a in range(1, len(logits)) if logits[a] == 1]
        one_logit = f"class_axis={single[0]} for one logit a position; " if single else ""
        raise OptionError(
            "recommend",
            f"exclusive must be said where the target has the logits' shape; got {given}, which can be {hard} "
            f"(exclusive=True) or independent {own} (exclusive=False)",
            f"{one_logit}exclusive=True if exactly one class holds in each row, exclusive=False if several or none may",
        )
    if not given.exclusive:
        return _Reading("entries", axis)
    axes = [axis] if axis is not None else [a for a in range(1, len(logits)) if (logits[a] or 0) > 1]
    if len(axes) != 1:
        raise _which_axis(given, axes)
    return _Reading("probs", axes[0])


def _with_indices(given: _Given) -> Iterator[_Reading]:
    """Yield what a target that lacks the class axis, or has it of size 1, can mean."""
    logits, target = given.logits, given.target
    for axis in range(1, len(logits)) if given.class_axis is None else [given.class_axis]:
        rows = _without(logits, axis)
        if _fits(target, rows):
            yield _Reading("entries", axis, drop="logits") if logits[axis] == 1 else _Reading("indices", axis)
        elif len(target) == len(logits) and target[axis] == 1 and _fits(_without(target, axis), rows):
            yield _Reading("indices", axis, drop="target")


def _check_indices(given: _Given, axis: int) -> None:
    """Refuse a target that has the shape of class indices and cannot be them."""
    n_classes = given.logits[axis]
    if given.exclusive is False:
        raise OptionError(
            "recommend",
            f"exclusive=False must come with one number a class, a target of shape {given.logits}; got {given}",
            "make it multi-hot, 0 or 1 a class; leave exclusive out if these are class indices",
        )
    if given.kind == "int" or (given.kind == "bool" and n_classes == 2):
        return
    if given.kind == "bool":
        hint = f"a boolean tells two classes apart, the logits have {n_classes}: pass class numbers"
    elif n_classes == 2:
        hint = "cast class numbers to int64; of probabilities p of the second class make two columns, 1 - p and p"
    else:
        hint = "cast class numbers to int64; of probabilities pass one for each class"
    raise DtypeError(
        "recommend", f"target_dtype must be an integer where the target holds class indices; got {given}", hint
    )


def _which_axis(given: _Given, axes: list[int]) -> OptionError:
    logits = given.logits
    where = " or ".join(f"axis {axis} ({logits[axis]} classes)" for axis in axes) or "an axis of unknown size"
    return OptionError(
        "recommend",
        f"class_axis must be said where several axes may hold the classes; got {given}: {where}",
        f"class_axis=1 in PyTorch's layout, class_axis=-1 where the classes are last: one of {axes}"
        if axes
        else "pass the number of classes in logits_shape",
    )


def _misfit(given: _Given) -> ShapeError:
    """Return the error of shapes that nothing fits, with what they are most likely meant to be."""
    logits, target = given.logits, given.target
    axis = given.class_axis if given.class_axis is not None else len(logits) - 1
    rows, n_classes = _without(logits, axis), logits[axis]
    if len(logits) == 1:
        rule = f"target_shape must be {logits}, one logit a row"
        hint = "more than one class needs a logit for each: logits of shape (rows, classes)"
    else:
        rule = f"target_shape must be {rows} (class indices) or {logits} (a number a class)"
        hint = "logits and target must have the same rows; say class_axis= if the classes lie along another axis"
        if (len(logits), axis) == (3, 2) and _fits((rows[0], (rows[1] or 0) - 1), target):
            hint = "the last position predicts nothing: logits[:, :-1]"
        elif len(target) == 1 and _product(rows) == target[0] is not None:
            hint = f"the target is flat: flatten the logits as well, logits.reshape(-1, {n_classes})"
        elif len(logits) == 2 and len(target) > 1 and _product(target) == logits[0] is not None:
            hint = "the logits are flat: flatten the target as well, target.reshape(-1)"
        elif given.class_axis is None and logits[0] and _fits(target, logits[1:]):
            hint = "class_axis=0 if the classes come first"
            if len(logits) > 2:
                hint += "; logits[None] and target[None] if it is the axis of the rows that is missing"
        elif len(target) == len(logits) and _fits(_without(target, axis), rows):
            hint = (
                f"{n_classes} logits need {n_classes} numbers, or one class index; got {target[axis]} along axis {axis}"
            )
    return ShapeError("recommend", f"{rule}; got {given}", hint)


def _product(shape: Shape) -> int | None:
    return None if None in shape else math.prod(size or 0 for size in shape)


# --- how it is written ------------------------------------------------------------------------------------------------


_LOSS_NAMES = {
    "indices": "cross-entropy of class indices",
    "probs": "cross-entropy of probabilities",
    "entries": "binary cross-entropy of logits",
}


def _write(given: _Given, reading: _Reading, spelling: Spelling) -> Recommendation:
    n_axes, axis = len(given.logits), reading.axis
    notes = []
    code = {"logits": "logits", "target": "target"}
    wanted = given.target
    if reading.drop is not None and axis is not None:
        before: Shape = getattr(given, reading.drop)
        code[reading.drop] = spelling.squeeze.format(x=reading.drop, axis=axis)
        notes.append(f"reshape {reading.drop} {before} to {_without(before, axis)}")
        if reading.loss == "entries":
            notes[-1] += ": as they are they broadcast against each other"
        wanted = given.target if reading.drop == "logits" else _without(given.target, axis)

    of_indices = reading.loss == "indices"
    if of_indices and (given.kind == "bool" or spelling.of_indices not in ("any integer", given.dtype)):
        code["target"] = spelling.to_index.format(x=code["target"])
    elif not of_indices and given.kind != "float":
        code["target"] = spelling.to_float.format(x=code["target"])

    argument = ""
    if reading.loss != "entries" and axis != spelling.home % n_axes:
        assert axis is not None
        if spelling.move == "":
            argument = f", axis={axis}"
        else:
            for each in ("logits",) if of_indices else ("logits", "target"):
                code[each] = _moved(spelling, code[each], axis, n_axes)
            notes.append(f"the class axis must be moved: {code['logits']}")

    loss = getattr(spelling, reading.loss).format(**code, axis=argument)
    activation: Literal["softmax", "sigmoid"] = "sigmoid" if reading.loss == "entries" else "softmax"
    last = axis == n_axes - 1 and n_axes > 2
    probs = getattr(spelling, activation).format(axis=-1 if last else axis)
    return Recommendation(
        task=_task(given, reading),
        loss=_LOSS_NAMES[reading.loss],
        activation=activation,
        target_shape=wanted,
        target_dtype=spelling.of_indices if of_indices else spelling.of_numbers,
        code=f"loss = {loss}",
        probs=probs,
        notes=(*notes, *_notes(given, reading, spelling)),
    )


def _moved(spelling: Spelling, name: str, axis: int, n_axes: int) -> str:
    if spelling.home == 1 and (n_axes, axis) == (3, 2):
        return f"{name}.transpose(1, 2)"
    return spelling.move.format(x=name, axis=-1 if axis == n_axes - 1 else axis)


def _task(given: _Given, reading: _Reading) -> Task:
    n_axes, axis = len(given.logits), reading.axis
    n_classes = 1 if n_axes == 1 else None if axis is None else given.logits[axis]
    if reading.loss == "entries" and n_classes != 1:
        return "multilabel"
    if n_axes <= 2:
        return "binary" if n_classes in (1, 2) else "multiclass"
    return "language model" if n_classes != 1 and (n_axes, axis) == (3, 2) else "segmentation"


def _notes(given: _Given, reading: _Reading, spelling: Spelling) -> Iterator[str]:
    task = _task(given, reading)
    if reading.loss == "entries":
        if task == "multilabel":
            yield "each entry is a decision of its own: the probabilities of a row need not sum to 1"
        else:
            yield "one logit a decision: a softmax over it is always 1, and its cross-entropy always 0 (XE301)"
        yield "the target must be a probability in [0, 1]" if given.kind == "float" else "the target must be 0 or 1"
    elif task == "binary":
        yield "two logits say no more than one: sigmoid(z1 - z0) is the probability of class 1"
    if reading.loss == "probs":
        yield "each row of the target must be non-negative and sum to 1 over the classes"
    if task == "language model":
        yield "next tokens: logits[:, :-1] are for target[:, 1:]; shift once, here or in the model"
    if reading.loss == "indices" and len(given.logits) > 2:
        what = "padded positions" if task == "language model" else "unlabelled positions"
        yield f"{what} must not count: {spelling.ignore}"
