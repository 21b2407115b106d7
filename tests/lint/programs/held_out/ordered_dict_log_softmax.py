# The classifier of a pretrained network ends with LogSoftmax in an OrderedDict and meets CrossEntropyLoss.
from collections import OrderedDict

import torch
from torch import nn
from torchvision import models

model = models.vgg16(pretrained=True)
for param in model.parameters():
    param.requires_grad = False

model.classifier = nn.Sequential(OrderedDict([
    ("fc1", nn.Linear(25088, 4096)),
    ("relu", nn.ReLU()),
    ("drop", nn.Dropout(0.5)),
    ("fc2", nn.Linear(4096, 102)),
    ("output", nn.LogSoftmax(dim=1)),
]))

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.classifier.parameters(), lr=0.001)


def train(trainloader, epochs):
    for e in range(epochs):
        for images, labels in trainloader:
            optimizer.zero_grad()
            output = model(images)
            loss = criterion(output, labels)  # expect: XE107
            loss.backward()
            optimizer.step()
