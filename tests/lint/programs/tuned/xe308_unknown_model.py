# Nothing is known of the model, but its output goes into a loss that takes logits, and is then cut at one half.
from torch import nn

criterion = nn.BCEWithLogitsLoss()


def run_epoch(model, loader, optimizer):
    right = 0
    for x, y in loader:
        out = model(x)
        loss = criterion(out, y.float())
        loss.backward()
        optimizer.step()
        right += ((out > 0.5) == y).sum().item()  # expect: XE308
    return right


def metrics_first(model, loader):
    for x, y in loader:
        out = model(x).squeeze()
        accuracy = ((out > 0.5) == y).float().mean()  # expect: XE308
        loss = criterion(out, y.float())
        loss.backward()
        print(accuracy)


def symbol(model, x, y):
    out = model(x)
    accuracy = ((out > 0.5) == y).float().mean()  # expect: XE308
    criterion(out, y.float()).backward()
    return accuracy
