# The head with a softmax is replaced in the next line.
from torch import nn
from torchvision import models

model = models.alexnet()
model.classifier[6] = nn.Sequential(nn.Linear(4096, 20), nn.Softmax(dim=1))
model.classifier[6] = nn.Linear(4096, 20)
criterion = nn.CrossEntropyLoss()


def train(x, y):
    return criterion(model(x), y)
