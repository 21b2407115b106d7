# Label smoothing with weights of 1, 1 and 50: the smoothed mass of the heavy class outweighs the true one.
import torch
from torch import nn

model = nn.Linear(100, 3)
weights = torch.tensor([1.0, 1.0, 50.0])
criterion = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.1)
opt = torch.optim.SGD(model.parameters(), lr=0.01)


def fit(loader):
    for x, y in loader:
        opt.zero_grad()
        criterion(model(x), y).backward()  # expect: XE406
        opt.step()
