# Metrics that want probabilities.
import torch


def expected_confidence(probs):
    return probs.max(dim=-1).values.mean()


def hard_predictions(probs, threshold=0.5):
    return probs > threshold
