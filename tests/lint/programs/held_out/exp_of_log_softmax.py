# exp(log_softmax) is a softmax by another name; the cross-entropy takes a second one.
import torch
import torch.nn as nn
import torch.nn.functional as F


class TextCNN(nn.Module):
    def __init__(self, vocab, dim, n_class):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.convs = nn.ModuleList([nn.Conv1d(dim, 100, k) for k in (3, 4, 5)])
        self.fc = nn.Linear(300, n_class)

    def forward(self, tokens):
        e = self.emb(tokens).transpose(1, 2)
        pooled = [F.relu(c(e)).max(dim=2).values for c in self.convs]
        log_p = F.log_softmax(self.fc(torch.cat(pooled, 1)), dim=1)
        return torch.exp(log_p)


def train_one(model: TextCNN, tokens, y, opt):
    opt.zero_grad()
    p = model(tokens)
    loss = F.cross_entropy(p, y)  # expect: XE101
    loss.backward()
    opt.step()
