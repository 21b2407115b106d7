# round(sigmoid(logit)) is the class, and so is logits.argmax for several classes.
import torch
from torch import nn
from torchmetrics.classification import MulticlassAccuracy

net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
multi = nn.Linear(10, 5)
criterion = nn.BCEWithLogitsLoss()
top2 = MulticlassAccuracy(num_classes=5, top_k=2)


def evaluate(loader):
    net.eval()
    accs = []
    with torch.no_grad():
        for x, y, kind in loader:
            logits = net(x).squeeze(1)
            print(criterion(logits, y.float()).item())
            accs.append((torch.round(torch.sigmoid(logits)) == y).float().mean().item())
            top2.update(multi(x), kind)
    return sum(accs) / len(accs), top2.compute()
