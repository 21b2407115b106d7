# Targets drawn as 0/1 for each of the labels on their own are multi-hot; cross_entropy is meant for one class a row.
import torch
import torch.nn.functional as F
from torch import nn

N, D, L = 512, 64, 8
features = torch.randn(N, D)
labels = torch.randint(0, 2, (N, L)).float()

tagger = nn.Linear(D, L)
opt = torch.optim.SGD(tagger.parameters(), lr=0.1)

for step in range(1000):
    idx = torch.randperm(N)[:64]
    loss = F.cross_entropy(tagger(features[idx]), labels[idx])  # expect: XE302
    opt.zero_grad()
    loss.backward()
    opt.step()
