"""The guard itself: it looks at the first calls of every site, reports once a site, and takes its hooks away."""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from xent.errors import OptionError
from xent.torch._guard import gradients, inputs, shapes, targets
from xent.torch._guard.calls import Call, unwatch, watch
from xent.torch._guard.finding import LossError, LossFinding, LossWarning, Site, Suspicion, site_of_call
from xent.torch._guard.look import Look

OnProblem = Literal["warn", "raise"] | Callable[[LossFinding], object]

_log = logging.getLogger("xent.guard")
_PATIENCE = 64  # calls in a row with nothing new to see, after which the hooks go

_RULES: tuple[Callable[[Look], Iterator[Suspicion]], ...] = (
    *(shapes.not_finite, inputs.one_logit, inputs.activation, shapes.clipped, shapes.moved, shapes.cut_off),
    *(
        targets.distributions,
        targets.entries,
        targets.padded,
        targets.nothing_left,
        targets.broadcast,
        targets.averaged,
        targets.weights,
    ),
)


@dataclass
class _Seen:
    """What is remembered of a site."""

    looks: int = 0
    codes: set[str] = field(default_factory=set)
    counts: Tensor | None = None


@dataclass(frozen=True)
class _Looked:
    """A call that was looked at, until its value is there."""

    look: Look
    site: Site
    seen: _Seen


#: What is a gradient of 0 the consequence of.
_EXPLAIN_ZEROS = ("XE101", "XE102", "XE103", "XE106", "XE301", "XE303", "XG001")

_CUT_OFF = Suspicion(
    "XE306", "error", "input must have a gradient; got one that is cut off from the model",
    "the loss has no graph, was made a leaf (requires_grad=True), and backward() was called on it",
    "no parameter gets a gradient: nothing is learned from this loss",
    "leave out what cuts the graph: detach, .data, .item(), numpy, argmax, or a no_grad around the model",
    from_graph=True,
)  # fmt: skip


class Guard:
    """What :func:`guard` returns: it watches until it has seen enough, or until ``stop()``.

    Attributes
    ----------
    findings
        What was found so far, in the order of finding: tuple of :class:`LossFinding`.
    active
        Whether it still watches.
    """

    def __init__(
        self, module: torch.nn.Module | None, calls: int, on_problem: OnProblem, ignore: Collection[str]
    ) -> None:
        self._calls, self._on_problem, self._ignore = calls, on_problem, frozenset(ignore)
        self._lock = threading.RLock()
        self._sites: dict[tuple[str, int, str], _Seen] = {}
        self._idle = 0
        self._findings: list[LossFinding] = []
        self._handles: list[Any] = []
        self._cut: list[tuple[float, str, Site, _Seen]] = []
        self._armed = True
        self._active = True
        if module is not None:
            self._follow(module)
        watch(self)

    @property
    def findings(self) -> tuple[LossFinding, ...]:
        """What was found so far."""
        return tuple(self._findings)

    @property
    def active(self) -> bool:
        """Whether it still watches."""
        return self._active

    def stop(self) -> None:
        """Take all hooks away; a second time does nothing."""
        with self._lock:
            self._active = False
            unwatch(self)
            while self._handles:
                self._handles.pop().remove()
            self._cut.clear()

    def __repr__(self) -> str:
        found = ", ".join(finding.code for finding in self._findings) or "nothing found"
        return f"<Guard: {'active' if self._active else 'done'}, {found}>"

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- when it looks ------------------------------------------------------------------------------------------------

    def _follow(self, module: torch.nn.Module) -> None:
        """Look while the module runs; if it is trained, also after it ran in training, until it runs otherwise.

        A module that is compiled in place takes no hooks, which would be compiled with it: then it is looked at all
        losses.
        """
        if getattr(module, "_compiled_call_impl", None) is not None:
            return
        self._armed = False
        trained = any(parameter.requires_grad for parameter in module.parameters())

        def starts(module: torch.nn.Module, *_: Any) -> None:
            self._armed = module.training

        def ends(*_: Any) -> None:
            self._armed = self._armed and trained

        self._handles += [
            module.register_forward_pre_hook(starts),
            module.register_forward_hook(ends, always_call=True),
        ]

    def before(self, call: Call) -> _Looked | None:
        """Look at a call that is about to be made."""
        __tracebackhide__ = True
        if not self._armed:
            return None
        try:
            site = site_of_call()
            with self._lock:
                seen = self._sites.setdefault((site.path, site.line, call.function), _Seen())
                if seen.looks >= self._calls:
                    self._idle += 1
                    if self._idle >= _PATIENCE:
                        self.stop()
                    return None
                self._idle = 0
                seen.looks += 1
            look = Look(call, trained=torch.is_grad_enabled())
            with torch.no_grad(), torch._C.DisableTorchFunction():
                suspicions = self._suspicions(look, seen)
        except Exception:
            self._gives_up()
            return None
        for suspicion in suspicions:
            self._report(suspicion, call.function, site, seen)
        return _Looked(look, site, seen)

    def _suspicions(self, look: Look, seen: _Seen) -> list[Suspicion]:
        """Return what all rules have to say."""
        found = [suspicion for rule in _RULES for suspicion in rule(look)]
        call = look.call
        if call.weight is not None and call.takes_index:
            labels = call.target.detach()[look.live].reshape(-1).cpu().long()
            counts = torch.bincount(labels, minlength=look.n_classes)
            seen.counts = counts if seen.counts is None else seen.counts + counts
            found += targets.weights_against_counts(look, seen.counts)
        return found

    def after(self, looked: _Looked | None, value: Any) -> None:
        """Look at the gradients of a call that was looked at, or remember that it has none."""
        if looked is None:
            return
        try:
            loss = value[0] if isinstance(value, tuple) else value
            function, site, seen = looked.look.call.function, looked.site, looked.seen

            def report(suspicion: Suspicion) -> None:
                if not any(code in seen.codes for code in _EXPLAIN_ZEROS):
                    self._report(suspicion, function, site, seen)

            if looked.look.trained and isinstance(loss, Tensor):
                if loss.requires_grad:
                    self._handles += gradients.watch_zeros(looked.look, loss, report)
                elif loss.numel() == 1:
                    self._cut.append((float(loss.detach()), function, site, seen))
        except Exception:
            self._gives_up()

    def backward(self, root: Tensor) -> None:
        """Look whether a loss without a gradient is made a leaf and asked for one."""
        cut, self._cut = self._cut, []
        if not cut or root.grad_fn is not None or not root.requires_grad or root.numel() != 1:
            return
        value = float(root.detach())
        for loss, function, site, seen in cut:
            if loss == value:
                self._report(_CUT_OFF, function, site, seen)

    # --- what becomes of it -------------------------------------------------------------------------------------------

    def _report(self, suspicion: Suspicion, function: str, site: Site, seen: _Seen) -> None:
        """Report what was not yet reported of this site."""
        __tracebackhide__ = True
        with self._lock:
            if suspicion.code in seen.codes or suspicion.code in self._ignore:
                return
            seen.codes.add(suspicion.code)
            finding = LossFinding(
                suspicion.code, suspicion.severity, function, suspicion.problem, suspicion.seen, suspicion.why,
                suspicion.do, suspicion.evidence, site,
            )  # fmt: skip
            self._findings.append(finding)
        if callable(self._on_problem):
            self._on_problem(finding)
        elif suspicion.severity != "info":
            if self._on_problem == "raise":
                raise LossError(finding)
            if not (suspicion.from_graph and _rank() > 0):  # which is the same in all processes
                warnings.warn_explicit(LossWarning(str(finding), finding), None, site.path, site.line)

    def _gives_up(self) -> None:
        """Stop, because the guard itself is at fault; training goes on."""
        _log.info("xent.torch.guard stopped by a fault of its own", exc_info=True)
        self.stop()


def _rank() -> int:
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def guard(
    module: torch.nn.Module | None = None,
    *,
    calls: int = 3,
    on_problem: OnProblem = "warn",
    ignore: Collection[str] = (),
) -> Guard:
    """Look at the first losses of a training run for mistakes that train silently, and report each once.

    Watched are ``cross_entropy``, ``nll_loss``, ``binary_cross_entropy``, ``binary_cross_entropy_with_logits`` and
    ``kl_div`` of torch, the modules that call them, and all losses of xent, whoever calls them. What the input is, is
    read from the autograd graph, seen through views, permutations, casts and the like: a softmax and its axis, a
    sigmoid, a ReLU, a bare linear layer. Where there is no graph (evaluation, torch.compile, checkpoints) only numbers
    speak that can be nothing else, such as rows that all sum to 1; numbers between 0 and 1 alone are none. Then come
    targets, class weights, NaN, and gradients that are 0. Results, gradients and random numbers are left as they are.

    Parameters
    ----------
    module
        A model or criterion: only losses are looked at that are computed while it runs, or, if it has parameters to
        train, also after it ran in training mode. None: all losses of the program. One compiled by its own
        ``compile()`` is as None.
    calls
        How many calls of each line of code are looked at. When nothing new was seen for some time, all hooks go, and
        nothing is left of the cost.
    on_problem
        ``"warn"``: a :class:`LossWarning` at the line that calls the loss. ``"raise"``: a :class:`LossError` there.
        Or a function of the :class:`LossFinding`; only it is told of what is harmless (severity ``"info"``).
    ignore
        Codes not to be reported, such as ``["XE401"]``.

    Returns
    -------
    A :class:`Guard`, which watches from now on: ``stop()``, or leaving it as a context manager, ends it early;
    ``findings`` has what was found. In each process of a distributed run there is one of its own, and what the graph
    shows is warned of in the first only.

    Raises
    ------
    OptionError
        ``module`` is no module, ``calls`` is below 1, ``on_problem`` is none of these, or ``ignore`` holds no codes.
    LossError
        By the call of a loss, or by ``backward()``, with ``on_problem="raise"``.

    Notes
    -----
    A loss within a compiled region is not looked at, one of a compiled model's output is. Of torch's losses nothing is
    compiled anew; a region that calls xent's own is, once, when a guard begins and when it ends. Passed over are also
    transforms of :mod:`torch.func`, subclasses of tensors, and the capture of CUDA graphs. A fault of the guard itself
    ends it, and is written to the log ``xent.guard``.

    See Also
    --------
    xent.lint : the same rules on source code, before a run.

    Examples
    --------
    >>> import torch
    >>> import xent.torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 10), torch.nn.Softmax(dim=1))
    >>> with xent.torch.guard(on_problem=lambda finding: print(finding.code, finding.why.partition("; ")[2])):
    ...     loss = torch.nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.arange(8))
    XE101 with 10 classes your loss cannot go below 1.461
    """
    if module is not None and not isinstance(module, torch.nn.Module):
        raise OptionError(
            "guard",
            f"module must be a torch.nn.Module; got {module!r}",
            "leave it out: without it all losses are looked at, functions too",
        )
    check_options("guard", calls, on_problem, ignore)
    return Guard(module, calls, on_problem, ignore)


def check_options(function: str, calls: Any, on_problem: Any, ignore: Any) -> None:
    """Raise OptionError for what no guard can be told."""
    if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
        raise OptionError(function, f"calls must be a whole number of 1 or more; got {calls!r}", "3 is enough")
    if on_problem not in ("warn", "raise") and not callable(on_problem):
        raise OptionError(
            function,
            f'on_problem must be "warn", "raise" or a function of a finding; got {on_problem!r}',
            "leave it out for warnings",
        )
    if isinstance(ignore, str) or not isinstance(ignore, Collection):
        hint = f"pass [{ignore!r}]" if isinstance(ignore, str) else 'pass such as ["XE401"]'
        raise OptionError(function, f"ignore must be a collection of codes; got {ignore!r}", hint)
    for code in ignore:
        if not (isinstance(code, str) and re.fullmatch(r"X[EG]\d{3}", code)):
            raise OptionError(function, f"ignore must hold whole codes; got {code!r}", 'pass such as ["XE401"]')
