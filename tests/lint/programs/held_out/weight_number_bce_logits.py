# BCEWithLogitsLoss with weight= a single number for the rare class, in a loop with a scheduler.
import torch
from torch import nn, optim

POS_RATIO = 0.03
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
class_weight = torch.tensor([(1 - POS_RATIO) / POS_RATIO])
loss_func = nn.BCEWithLogitsLoss(weight=class_weight)
optimizer = optim.Adam(net.parameters())
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)


def epoch(loader):
    for x, y in loader:
        y_hat = net(x)
        loss = loss_func(y_hat, y.float().view(-1, 1))  # expect: XE405
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
