# Token logits (N, T, C) are permuted to (N, C, T) in one run and flattened to (N*T, C) in the other: right.
import torch
from torch import nn
import torch.nn.functional as F


class NERModel(nn.Module):
    def __init__(self, vocab_size, n_tags, hidden=128):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * hidden, n_tags)

    def forward(self, ids):
        h, _ = self.lstm(self.embed(ids))
        return self.tag(h)


def train_step(model: NERModel, ids, tags, optimizer):
    criterion = nn.CrossEntropyLoss(ignore_index=-100)
    logits = model(ids)
    N, T, C = logits.shape
    loss = criterion(logits.permute(0, 2, 1), tags)
    again = F.cross_entropy(logits.view(N * T, C), tags.view(-1))
    third = F.cross_entropy(logits.transpose(1, 2), tags)
    assert abs(loss - again) < 1e-4 and abs(loss - third) < 1e-4
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
