import torch
from torch import nn

import engine
from nets import Classifier


def run(loader):
    model = Classifier(32, 64, 5)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(10):
        engine.train(model, criterion, optimizer, loader)
