# criterion is CrossEntropyLoss at first and NLLLoss by the time it meets the log-probabilities.
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 2), nn.LogSoftmax(dim=1))
criterion = nn.CrossEntropyLoss()
criterion = nn.NLLLoss()
opt = torch.optim.Adam(model.parameters())


def step(x, y):
    opt.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    opt.step()
