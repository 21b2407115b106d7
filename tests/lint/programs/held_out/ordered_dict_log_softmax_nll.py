# The classifier ends with LogSoftmax in an OrderedDict and meets NLLLoss, with exp for the probabilities: right.
from collections import OrderedDict

import torch
from torch import nn
from torchvision import models

model = models.vgg16(pretrained=True)
model.classifier = nn.Sequential(OrderedDict([
    ("fc1", nn.Linear(25088, 4096)),
    ("relu", nn.ReLU()),
    ("fc2", nn.Linear(4096, 102)),
    ("output", nn.LogSoftmax(dim=1)),
]))
criterion = nn.NLLLoss()
optimizer = torch.optim.Adam(model.classifier.parameters(), lr=0.001)


def validation(testloader):
    correct, n = 0, 0
    with torch.no_grad():
        for images, labels in testloader:
            output = model(images)
            test_loss = criterion(output, labels)
            ps = torch.exp(output)
            correct += (labels == ps.max(dim=1)[1]).sum().item()
            n += len(labels)
    return correct / n, test_loss
