"""What the rules look at: the places of a program where a value meets a loss, an activation, a logarithm, a threshold.

The interpreter meets them in the order of the program's flow; each rule asks for the kinds of event that concern it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xent.lint.values import Link, Made, Object, Tensor, Value

if TYPE_CHECKING:
    from xent.lint.project import Module


@dataclass(frozen=True, slots=True)
class Loss:
    """What a library's loss is and wants.

    ``takes``: logits, log_probs or probs; ``family``: softmax (one class of several) or sigmoid (each by itself).
    ``parameters``: the names of its arguments in order, as a function and, for a class, as the class is made.
    """

    name: str
    library: str
    takes: str
    family: str
    prediction: str = "input"
    target: str = "target"
    parameters: tuple[str, ...] = ("input", "target")
    reduction: str | None = "mean"
    index: bool = True  # whether class indices are taken as targets


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Where something happens."""

    module: Module
    node: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class LossCall(Event):
    """A prediction and a target meet in a loss; ``options`` are its other arguments, ``maker`` the loss object."""

    loss: Loss
    prediction: Value
    target: Value | None
    options: dict[str, Value] = field(default_factory=dict)
    maker: Object | None = None
    metrics: tuple[Value, ...] = ()
    within: str = ""  # the function that the call stands in
    made: bool = False  # the loss is only made here; whether it is called is seen elsewhere


@dataclass(frozen=True, slots=True, eq=False)
class Activation(Event):
    """A softmax or its like is applied: ``name`` of it, the value it is given, and the axis, None if not said."""

    name: str
    given: Value
    axis: int | None
    axis_said: bool
    result: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Returned(Event):
    """A function gives to a call what an activation gave: ``function`` is its definition."""

    made: Made
    function: ast.AST


@dataclass(frozen=True, slots=True, eq=False)
class Logarithm(Event):
    """The logarithm of a value is taken; ``traced`` if a gradient may pass through it."""

    of: Tensor
    traced: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Normalised(Event):
    """Exponentials are divided by their sum: a softmax by hand.

    ``stable`` if the maximum was subtracted before, or if the exponents cannot be large, nor all of them small.
    """

    stable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Threshold(Event):
    """A value is compared with a number, or rounded (``at`` 0.5)."""

    value: Tensor
    at: float
    rounded: bool = False
    symbol: Value | None = None  # where nothing is known of the value: itself, for what else is done with it


@dataclass(frozen=True, slots=True, eq=False)
class Chosen(Event):
    """The largest along an axis is chosen of what a softmax gave."""

    value: Tensor
    axis: int


@dataclass(frozen=True, slots=True, eq=False)
class Backward(Event):
    """A loss is differentiated."""

    loss: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Complement(Event):
    """One is added to a loss: ``1 + nll_loss(p, y)`` is 1 − p of the label."""

    loss: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Revived(Event):
    """A loss is told by hand that it requires a gradient; ``loss`` is None where only its name says what it is."""

    loss: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class Divided(Event):
    """A value is divided by a temperature that it was divided by before."""

    value: Tensor
    before: Link


@dataclass(frozen=True, slots=True, eq=False)
class Broadcast(Event):
    """Two values of shapes (n, 1) and (n,) meet in an arithmetic operation, a comparison or a loss."""

    left: Tensor
    right: Tensor
    symbol: Value | None = None  # the flat one, where only what else is done with it says that it is


@dataclass(frozen=True, slots=True, eq=False)
class Exponential(Event):
    """A base is raised to a loss: a perplexity. ``base`` is e or 2, ``factor`` what it was divided by (ln 2) or 1."""

    loss: Tensor
    base: float


@dataclass(frozen=True, slots=True, eq=False)
class Remapped(Event):
    """Some ids of a label are set to another: ``labels[labels == 255] = 0``, or all ``below`` 0."""

    name: str
    old: int
    new: int
    within: str
    below: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Averaged(Event):
    """The losses of all rows are averaged or summed, none left out."""

    loss: Tensor
