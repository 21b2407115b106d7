# (batch, streams, time, vocabulary): the first two axes change places, and the vocabulary stays last.
import torch.nn.functional as F
from torch import nn


class Streams(nn.Module):
    def __init__(self, width, vocabulary, streams):
        super().__init__()
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.streams = streams

    def forward(self, hidden, labels):
        n, t = labels.shape
        logits = self.lm_head(hidden.view(n, self.streams, t, -1))
        return self.loss(logits, labels)

    def loss(self, logits, labels):
        logits = logits.transpose(0, 1).contiguous()
        log_probs = F.log_softmax(logits.view(-1, logits.size(-1)), dim=-1)
        return F.nll_loss(log_probs, labels.repeat(self.streams, 1, 1).view(-1), reduction="mean")
