"""The compiled kernels; :mod:`xent.kernels.native` is their only caller. Results are written into the last arrays."""

from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

def use_level(cap: str) -> str: ...

#: An array where it lies: (address, dtype, rows, classes, class stride, shape and strides of the rows), in bytes.
View = tuple[Any, ...]

def rows(
    logits: View,
    dlogits: View,
    target: int,
    target_type: int,
    ignore_index: int,
    ignored_take_part: bool,
    probs: View,
    scale: float,
    softcap: float,
    offset: int,
    class_coef: int,
    class_step: int,
    coef_softmax: int,
    softmax_step: int,
    coef_target: int,
    target_step: int,
    coef_class: int,
    coef_class_step: int,
    known_max: int,
    known_log_sum: int,
    max: int,
    log_sum: int,
    target_logit: int,
    mean_logit: int,
    expected_logit: int,
    predicted: int,
    target_mass: int,
    value: int,
    threads: int,
    /,
) -> int: ...
def reduced_loss(
    out: int,
    out_is_double: bool,
    upstream: float,
    dlogits: View,
    logits: View,
    target: int,
    target_type: int,
    ignore_index: int,
    probs: View,
    keep: float,
    spread: float,
    curve: tuple[float, ...],
    z_loss: float,
    class_weight: int,
    class_factor: int,
    row_weight: int,
    mean: bool,
    normalizer: float,
    when_empty: float,
    scale: float,
    nll: int,
    threads: int,
    /,
) -> tuple[float, int]: ...
def elements(
    logits: int,
    dtype: int,
    n_rows: int,
    n_labels: int,
    scale: float,
    target: int,
    target_dtype: int,
    target_is_byte: bool,
    live: int,
    positive_weight: int,
    weight: int,
    row_weight: int,
    positive_factor: float,
    negative_factor: float,
    smoothing: float,
    gamma_positive: float,
    gamma_negative: float,
    margin: float,
    upstream: float,
    dlogits: int,
    threads: int,
    /,
) -> float: ...
def temperature_sums(
    logits: View, target: int, target_type: int, weight: int, weight_step: int, scale: float, threads: int, /
) -> tuple[Any, ...]: ...
def expect_writes(address: int, bytes: int, /) -> None: ...
def xla_rows_handler() -> object: ...
def row_softmax(logits: Array, scale: float, log: bool, out: Array, threads: int) -> None: ...
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
def confidence_counts(logits: Array, target: Array, scale: float, counts: Array, threads: int) -> int: ...
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
