# argmax keeps its axis, (n, 1); the labels, which the loss takes as class indices, are (n,): every row meets every other.
from torch import nn

criterion = nn.CrossEntropyLoss()


def train(model, loader):
    right = 0
    for x, y in loader:
        scores = model(x)
        loss = criterion(scores, y)
        loss.backward()
        right += (scores.argmax(dim=1, keepdim=True) == y).float().sum().item()  # expect: XE602
    return right
