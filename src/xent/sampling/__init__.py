"""Sampling without leakage: weights that draw rare classes more often, splits that keep rows that belong together."""

from xent.sampling.duplicates import near_duplicates
from xent.sampling.splits import Leakage, Shared, Split, folds, leakage, split
from xent.sampling.weights import sampled_prior, sampler_weights

__all__ = [
    "Leakage",
    "Shared",
    "Split",
    "folds",
    "leakage",
    "near_duplicates",
    "sampled_prior",
    "sampler_weights",
    "split",
]
