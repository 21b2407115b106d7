# The network lives in model.py and ends in softmax; train.py hands its output to CrossEntropyLoss.
import torch
import torch.nn as nn


class TextCNN(nn.Module):
    def __init__(self, vocab_size, emb=128, n_filters=100, classes=4):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, emb, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv1d(emb, n_filters, k, padding=k // 2) for k in (3, 4, 5)])
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(3 * n_filters, classes)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, ids):
        e = self.embed(ids).transpose(1, 2)
        pooled = [conv(e).relu().amax(dim=2) for conv in self.convs]
        feats = self.drop(torch.cat(pooled, dim=1))
        return self.softmax(self.out(feats))
