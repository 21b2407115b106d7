# The labels are seen in the shape of the predictions, or the axis is not kept, or nothing says what shape they have.
from torch import nn

criterion = nn.CrossEntropyLoss()


def train(model, loader):
    right = 0
    for x, y in loader:
        scores = model(x)
        loss = criterion(scores, y)
        loss.backward()
        pred = scores.argmax(dim=1, keepdim=True)
        right += pred.eq(y.view_as(pred)).sum().item() + (scores.argmax(1) == y).sum().item()
        right += (pred == y.unsqueeze(1)).sum().item()
    return right


def evaluate(model, x, y):
    return (model(x).argmax(1, keepdim=True) == y).float().mean()
