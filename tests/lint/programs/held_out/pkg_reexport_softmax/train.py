# The softmax sits in a block of a package of models that is re-exported; the training script has cross-entropy.
import torch
from torch import nn

from models import build


def main(loader, epochs=10):
    model = build(100)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            outputs = model(images)
            loss = criterion(outputs, labels)  # expect: XE101
            loss.backward()
            optimizer.step()
