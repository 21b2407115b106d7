# NumPy: a hidden Markov model in log space: log of counts, logsumexp, argmax, and weights that are normalised: right.
import numpy as np
from scipy.special import logsumexp


def estimate(seqs, k, v):
    A, B = np.ones((k, k)), np.ones((k, v))
    for states, words in seqs:
        np.add.at(A, (states[:-1], states[1:]), 1)
        np.add.at(B, (states, words), 1)
    return np.log(A / A.sum(1, keepdims=True)), np.log(B / B.sum(1, keepdims=True))


def forward(logA, logB, logpi, words):
    alpha = logpi + logB[:, words[0]]
    for w in words[1:]:
        alpha = logsumexp(alpha[:, None] + logA, axis=0) + logB[:, w]
    return logsumexp(alpha)


def viterbi(logA, logB, logpi, words):
    delta, back = logpi + logB[:, words[0]], []
    for w in words[1:]:
        m = delta[:, None] + logA
        back.append(m.argmax(0))
        delta = m.max(0) + logB[:, w]
    path = [int(delta.argmax())]
    for b in reversed(back):
        path.append(int(b[path[-1]]))
    return path[::-1]
