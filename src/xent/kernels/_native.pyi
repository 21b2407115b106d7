"""The compiled kernels; :mod:`xent.kernels.native` is their only caller. Results are written into the last arrays."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

def use_level(cap: str) -> str: ...
def row_stats(
    logits: Array,
    target: Array | None,
    target_probs: Array | None,
    class_coef: Array | None,
    scale: float,
    max: Array,
    log_sum: Array,
    target_logit: Array,
    mean_logit: Array,
    threads: int,
) -> None: ...
def row_softmax(logits: Array, scale: float, log: bool, out: Array, threads: int) -> None: ...
def row_grad(
    logits: Array,
    coef_softmax: Array,
    coef_target: Array,
    target: Array | None,
    target_probs: Array | None,
    coef_class: Array | None,
    class_coef: Array | None,
    scale: float,
    out: Array,
    threads: int,
) -> None: ...
def row_moments(logits: Array, scale: float, mean: Array, variance: Array, threads: int) -> None: ...
def row_scores(
    logits: Array,
    target: Array,
    scale: float,
    nll: Array,
    confidence: Array,
    predicted: Array,
    rank: Array,
    sum_squares: Array,
    threads: int,
) -> None: ...
def class_histogram(
    logits: Array,
    target: Array,
    weight: Array | None,
    counts: Array,
    hits: Array,
    prob_sums: Array,
    bits: int,
    scale: float,
    threads: int,
) -> None: ...
def row_hash(logits: Array, out: Array, threads: int) -> None: ...
