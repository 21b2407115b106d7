"""How a loss of a library is called: its arguments are named, and the rules are told what met."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from xent.lint.events import Broadcast, Loss, LossCall
from xent.lint.frameworks.site import Site
from xent.lint.values import UNKNOWN, Const, Kind, Link, Object, Tensor, Unknown, Value


def named(parameters: Sequence[str], args: Sequence[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
    """Give positional arguments their names."""
    return {**dict(zip(parameters, args, strict=False)), **kwargs}


def call_loss(site: Site, loss: Loss, maker: Object | None = None, options: dict[str, Value] | None = None) -> Value:
    """Call a loss, as a function or as an object that was made with options."""
    given = named(loss.parameters, site.args, site.kwargs)
    prediction = given.pop(loss.prediction, None)
    if prediction is None:
        prediction = given.pop(
            {"input": "logits", "logits": "input", "y_pred": "y_hat"}.get(loss.prediction, ""), UNKNOWN
        )
    target = given.pop(loss.target, None)
    return meet(site, loss, prediction, target, {**(options or {}), **given}, maker)


def meet(
    site: Site,
    loss: Loss,
    prediction: Value,
    target: Value | None,
    options: dict[str, Value],
    maker: Object | None = None,
    metrics: tuple[Value, ...] = (),
    node: ast.AST | None = None,
) -> Tensor:
    """Tell the rules of a prediction, a target and a loss; return the loss as a value."""
    if _is_callers_choice(site):
        options = {**options, "reduction": UNKNOWN}
    event = LossCall(site.module, node or site.node, loss, prediction, target, options, maker, metrics, site.within)
    site.machine.emit(event)
    if (
        isinstance(prediction, Tensor)
        and isinstance(target, Tensor)
        and (
            loss.takes == "numbers" or loss.name == "mean_squared_error" or (loss.library == "optax" and not loss.index)
        )
    ):
        meet_shapes(site, prediction, target, node)
    return Tensor(
        Kind.LOSS,
        call=event,
        calls=(event,),
        detached=prediction.detached if isinstance(prediction, Tensor) else None,
        trail=Link(f"{loss.name} gives a loss", site.module, node or site.node),
        marks=frozenset() if reduction(event) == "none" else frozenset({"averaged"}),
    )


def _is_callers_choice(site: Site) -> bool:
    """Whether a call's reduction is handed on from a caller, or a maker, that is not seen: its default says little."""
    written = next((k.value for k in getattr(site.node, "keywords", ()) if k.arg == "reduction"), None)
    frame = site.machine.frame
    if isinstance(written, ast.Attribute):
        this = frame.this
        of_self = isinstance(written.value, ast.Name) and written.value.id == "self"
        return of_self and isinstance(this, Object) and this.cls is not None and this.node is this.cls.node
    if isinstance(written, ast.Name) and frame.function is not None and frame.function.node is site.machine.entry:
        given = frame.function.node.args
        return any(written.id == each.arg for each in (*given.args, *given.kwonlyargs))
    return False


def reduction(event: LossCall) -> str | None:
    """Return how a call's loss is reduced, or None where that cannot be known."""
    value = event.options.get("reduction")
    if value is None:
        return event.loss.reduction
    return str(value.value) if isinstance(value, Const) else None


def meet_shapes(site: Site, a: Value, b: Value, node: ast.AST | None = None) -> None:
    """Tell the rules where a column meets a flat array, and broadcasts to a square."""
    for kept, other in ((a, b), (b, a)):
        if isinstance(kept, Tensor) and "kept" in kept.marks and isinstance(other, Unknown) and other.name:
            site.machine.emit(Broadcast(site.module, node or site.node, kept, Tensor(Kind.ANY), other))
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        for column, flat in ((a, b), (b, a)):
            if column.n_classes == 1 and not column.marks & {"squeezed", "flat"}:
                if (column.rank in (None, 2)) and (flat.rank == 1 or "flat" in flat.marks):
                    site.machine.emit(Broadcast(site.module, node or site.node, column, flat))
                return
