# detach and argmax are used for the log only, and for pseudo-labels; the loss itself keeps the graph.
import torch
import torch.nn as nn
import torch.nn.functional as F

net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 3))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1)


def fit(labelled, unlabelled, threshold=0.95):
    for (xb, yb), ub in zip(labelled, unlabelled):
        scores = net(xb)
        u = net(ub)
        conf, pseudo = torch.softmax(u.detach(), dim=1).max(dim=1)
        mask = (conf >= threshold).float()
        u_loss = (F.cross_entropy(u, pseudo, reduction="none") * mask).mean()
        loss = criterion(scores, yb) + u_loss
        opt.zero_grad()
        loss.backward()
        opt.step()
        acc = (scores.detach().cpu().argmax(1) == yb.cpu()).float().mean().item()
        print(loss.item(), acc)
