# A Sequential that ends in Tanh bounds the logits of CrossEntropyLoss to (-1, 1).
import torch
from torch import nn

clf = nn.Sequential(
    nn.Linear(24, 48),
    nn.Tanh(),
    nn.Linear(48, 6),
    nn.Tanh(),
)
ce = nn.CrossEntropyLoss()
adam = torch.optim.Adam(clf.parameters(), lr=5e-3)


def update(inputs, labels):
    adam.zero_grad()
    loss = ce(clf(inputs), labels)  # expect: XE106
    loss.backward()
    adam.step()
