# A Sequential's last layer goes through ReLU before CrossEntropyLoss, so no logit can fall below zero.
import torch
import torch.nn as nn

model = nn.Sequential(
    nn.Linear(13, 64), nn.ReLU(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 3), nn.ReLU(),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def training_loop(X, y, epochs=300):
    for i in range(epochs):
        y_pred = model(X)
        loss = loss_fn(y_pred, y)  # expect: XE106
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % 50 == 0:
            print(i, loss.item())
