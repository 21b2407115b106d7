# What is collected has gone through the sigmoid.
import torch
from sklearn.metrics import accuracy_score
from torch import nn

model, criterion = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1)), nn.BCELoss()


def train(loader, optimizer):
    predictions, labels = [], []
    for x, y in loader:
        outputs = torch.sigmoid(model(x))
        criterion(outputs, y).backward()
        optimizer.step()
        predictions.append(outputs.detach().cpu())
        labels.append(y)
    predictions = torch.cat(predictions).numpy()
    return accuracy_score(torch.cat(labels).numpy(), predictions > 0.5)
