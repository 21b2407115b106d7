# The same with the threshold of logits; in the other function the loss takes probabilities.
from torch import nn

with_logits, of_probabilities = nn.BCEWithLogitsLoss(), nn.BCELoss()


def run_epoch(model, loader):
    right = 0
    for x, y in loader:
        out = model(x)
        with_logits(out, y.float()).backward()
        right += ((out > 0) == y).sum().item()
        right += ((out.sigmoid() > 0.5) == y).sum().item()
    return right


def other(model, loader, has_logits):
    right = 0
    for x, y in loader:
        out = model(x)
        loss = with_logits(out, y.float()) if has_logits else of_probabilities(out, y.float())
        loss.backward()
        out = model(x)
        right += ((out > 0.5) == y).sum().item()
    return right


def reassigned(model, x, y):
    out = model.probability(x)
    accuracy = ((out > 0.5) == y).float().mean()
    out = model(x)
    with_logits(out, y.float()).backward()
    return accuracy


def other_numbers(model, x, y):
    out = model(x).squeeze()
    sure = (out > 2.0) | (out < -2.0)
    with_logits(out, y.float()).backward()
    return sure
