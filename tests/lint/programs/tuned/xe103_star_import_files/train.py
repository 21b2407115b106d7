import torch
import torch.nn as nn

from nets import *

model = GestureNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def train(loader, num_epochs=30):
    for epoch in range(num_epochs):
        for seq, label in loader:
            outputs = model(seq)
            loss = criterion(outputs, label)  # expect: XE103
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
