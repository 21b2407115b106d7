# The loss is taken of the argmax, and loss.requires_grad = True hides that no gradient reaches the network.
import torch
import torch.nn as nn
import torch.optim as optim

model = nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 2))
criterion = nn.BCELoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)


def train_epoch(iterator):
    for text, label in iterator:
        optimizer.zero_grad()
        outputs = model(text)
        predicted = torch.argmax(outputs, dim=1)
        loss = criterion(predicted.float(), label.float())  # expect: XE306
        loss.requires_grad = True
        loss.backward()
        optimizer.step()
