# The term is off unless its weight is given.
import torch.nn.functional as F


def run_epoch(model, loader, criterion, optimizer, weight=0.0):
    for x, y in loader:
        logits, _ = model(x)
        loss = criterion(logits, y)
        if weight > 0.0:
            other, _ = model(x.flip(3))
            loss = loss + weight * F.kl_div(F.softmax(other, -1), F.softmax(logits, -1), reduction="batchmean")  # expect: XE204
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
