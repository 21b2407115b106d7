# label_smoothing=0.1 together with weights 1, 1, 50: smoothing mass lands on the heavy class.
import torch
import torch.nn as nn

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
weights = torch.tensor([1.0, 1.0, 50.0])
loss_fn = nn.CrossEntropyLoss(weight=weights, label_smoothing=0.1)
opt = torch.optim.Adam(model.parameters())


def fit(batches):
    for x, y in batches:
        loss = loss_fn(model(x), y)  # expect: XE406
        opt.zero_grad()
        loss.backward()
        opt.step()
