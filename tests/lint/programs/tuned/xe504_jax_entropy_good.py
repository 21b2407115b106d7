# JAX and NumPy entropies without an epsilon: jax.scipy.special.entr and scipy.stats.entropy.
import jax
import numpy as np
from jax.scipy.special import entr
from scipy.stats import entropy


def policy_entropy(logits):
    return entr(jax.nn.softmax(logits)).sum(-1)


def label_entropy(labels):
    return entropy(np.bincount(labels))


def idf(doc_freq, n_docs):
    return np.log(n_docs / (doc_freq + 1)) + 1
