# The logits are detached before the loss and a fresh requires_grad hides the error that would have told.
import torch
import torch.nn as nn

net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 3))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1)


def fit(loader, device="cuda"):
    net.to(device)
    for xb, yb in loader:
        scores = net(xb.to(device)).detach().cpu()
        scores.requires_grad_()
        loss = criterion(scores, yb)  # expect: XE306
        opt.zero_grad()
        loss.backward()
        opt.step()
