"""The guard as a callback of Lightning and of Hugging Face's Trainer; neither library is needed to import this."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from xent.torch._guard.finding import LossFinding
from xent.torch._guard.watching import Guard, OnProblem, check_options, guard


def _nothing(*_: Any, **__: Any) -> None:
    """Stand for all the hooks that a callback has no use for."""


class _Callback:
    """A guard from the start of training to its end."""

    def __init__(self, *, calls: int = 3, on_problem: OnProblem = "warn", ignore: Collection[str] = ()) -> None:
        check_options(type(self).__name__, calls, on_problem, ignore)
        self._options: dict[str, Any] = {"calls": calls, "on_problem": on_problem, "ignore": ignore}
        self._guard: Guard | None = None

    @property
    def findings(self) -> tuple[LossFinding, ...]:
        """What was found in the last training."""
        return () if self._guard is None else self._guard.findings

    def _start(self) -> None:
        self._stop()
        self._guard = guard(**self._options)

    def _stop(self) -> None:
        if self._guard is not None:
            self._guard.stop()

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("on_"):
            return _nothing
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class LightningGuard(_Callback):
    """:func:`guard` as a callback of Lightning: ``Trainer(callbacks=[xent.torch.LightningGuard()])``.

    Parameters
    ----------
    calls, on_problem, ignore
        As in :func:`guard`.

    Notes
    -----
    It starts with training, after the sanity check of validation, and ends with it. ``findings`` has what was found.
    """

    state_key = _legacy_state_key = "xent.torch.LightningGuard"
    setup = teardown = load_state_dict = staticmethod(_nothing)

    def on_train_start(self, *_: Any) -> None:
        """Begin to watch."""
        self._start()

    def on_train_end(self, *_: Any) -> None:
        """Watch no more."""
        self._stop()

    def on_exception(self, *_: Any) -> None:
        """Watch no more."""
        self._stop()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: there is no state to save."""
        return {}


class TransformersGuard(_Callback):
    """:func:`guard` as a callback of Hugging Face's ``Trainer``: ``callbacks=[xent.torch.TransformersGuard()]``.

    Parameters
    ----------
    calls, on_problem, ignore
        As in :func:`guard`.

    Notes
    -----
    It starts and ends with ``train()``. ``findings`` has what was found.
    """

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Begin to watch."""
        self._start()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """Watch no more."""
        self._stop()
