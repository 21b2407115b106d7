"""The only code that touches an (n, K) array.

:func:`backend_for` returns the module that serves given logits: the compiled core (:mod:`xent.kernels.native`) where it
was built and knows their dtype, else :mod:`xent.kernels.numpy`, which is also the specification of every kernel.
The environment variable ``XENT_KERNELS`` (numpy or native) takes the choice away from it.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from xent.kernels import numpy as spec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xent.kernels.numpy import Array, Float64, RowScores, RowStats, TemperatureSums


class Backend(Protocol):
    """The kernels, as any module that has them; :mod:`xent.kernels.numpy` says what each one does."""

    @property
    def name(self) -> str: ...

    def row_stats(
        self,
        logits: Array,
        target: Array | None = None,
        class_coef: Float64 | None = None,
        *,
        scale: float = 1.0,
        softcap: float | None = None,
        offset: Float64 | None = None,
        extras: bool = False,
    ) -> RowStats: ...

    def row_softmax(
        self,
        logits: Array,
        *,
        scale: float = 1.0,
        softcap: float | None = None,
        offset: Float64 | None = None,
        log: bool = False,
    ) -> Array: ...

    def row_grad(
        self,
        logits: Array,
        coef_softmax: Float64,
        coef_target: Float64,
        target: Array | None = None,
        coef_class: Float64 | None = None,
        class_coef: Float64 | None = None,
        *,
        scale: float = 1.0,
        softcap: float | None = None,
        offset: Float64 | None = None,
        stats: RowStats | None = None,
    ) -> Array: ...

    def row_stats_and_grad(
        self,
        logits: Array,
        coef_softmax: Float64,
        coef_target: Float64,
        target: Array | None = None,
        coef_class: Float64 | None = None,
        class_coef: Float64 | None = None,
        *,
        scale: float = 1.0,
        softcap: float | None = None,
        offset: Float64 | None = None,
    ) -> tuple[RowStats, Array]: ...

    def temperature_sums(
        self, logits: Array, target: Array, weight: Float64 | None = None, *, scale: float = 1.0
    ) -> TemperatureSums: ...

    def row_scores(self, logits: Array, target: Array, *, scale: float = 1.0) -> RowScores: ...

    def confidence_counts(
        self, logits: Array, target: Array, counts: NDArray[np.int64], *, scale: float = 1.0
    ) -> int: ...

    def odds_edges(self, bits: int) -> Float64: ...

    def class_histogram(
        self,
        logits: Array,
        target: Array,
        weight: Float64 | None,
        counts: Float64,
        hits: Float64,
        prob_sums: Float64,
        *,
        bits: int,
        scale: float = 1.0,
    ) -> None: ...

    def row_hash(self, logits: Array) -> NDArray[np.uint64]: ...


class _Compiled(Backend, Protocol):
    def supports(self, logits: Array) -> bool: ...


class SlowKernelsWarning(RuntimeWarning):
    """The compiled core is missing, so the NumPy kernels do its work."""


def backend_for(logits: Array) -> Backend:
    """Return the kernels that serve these logits."""
    choice = os.environ.get("XENT_KERNELS")
    if choice == "numpy":
        return spec
    if choice not in (None, "", "native"):
        raise ValueError(
            f"xent.kernels: the environment variable XENT_KERNELS must be numpy or native; got {choice!r}\n\n"
            "hint: unset it to use the compiled core where there is one"
        )
    native, problem = _load_native()
    if native is None and choice == "native":
        raise ImportError(
            f"xent.kernels: XENT_KERNELS=native must find the compiled core; got {problem}\n\n"
            "hint: install a C++17 compiler and reinstall xent, or unset XENT_KERNELS"
        )
    if native is None:
        _warn_once(problem)
        return spec
    return native if native.supports(logits) else spec


@cache
def _load_native() -> tuple[_Compiled | None, str]:
    try:
        from xent.kernels import native
    except ImportError as error:
        return None, str(error)
    return native, ""


@cache
def _warn_once(problem: str) -> None:
    warnings.warn(
        f"xent.kernels: the compiled core must be there for full speed; got {problem}. "
        "The NumPy kernels do its work: the same results, several times slower\n\n"
        "hint: install a C++17 compiler and reinstall xent, or set XENT_KERNELS=numpy if this is intended",
        SlowKernelsWarning,
        stacklevel=3,
    )


def compiled() -> Any:
    """Return the compiled kernels (:mod:`xent.kernels.native`), or None where they are missing or not wanted."""
    return compiled_for(spec.odds_edges(0))


def compiled_for(logits: Array) -> Any:
    """Return the compiled kernels where they serve these logits, else None."""
    kernels = backend_for(logits)
    return None if kernels is spec else kernels


def describe() -> str:
    """Return which kernels serve float32 and float64 logits here, such as "native v4" or "numpy"."""
    kernels = backend_for(spec.odds_edges(0))
    return " ".join([kernels.name, getattr(kernels, "level", "")]).strip()
