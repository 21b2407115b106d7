# Positions before the start are clamped to it, in a function that makes a mask; nothing is a label here.
import torch


def window_mask(chunks, length, left=0):
    starts = torch.nn.functional.pad(torch.tensor(chunks), (1, 0))
    position = torch.arange(0, length).unsqueeze(-1)
    first = (position >= starts).nonzero()[:, 1] - left
    first[first < 0] = 0
    return torch.arange(0, length) >= starts[first].unsqueeze(-1)


def loss(scores, labels, chunks):
    return torch.nn.functional.cross_entropy(scores[window_mask(chunks, scores.shape[1])], labels)
