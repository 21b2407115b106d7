# argmax, detach and item feed the metric and the log, and the loss keeps the graph: right.
import torch
import torch.nn as nn
import torch.optim as optim

model = nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 2))
criterion = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.001)


def train_epoch(iterator):
    right = seen = 0
    for text, label in iterator:
        optimizer.zero_grad()
        outputs = model(text)
        loss = criterion(outputs, label)
        predicted = torch.argmax(outputs.detach(), dim=1)
        right += (predicted == label).sum().item()
        seen += label.numel()
        loss.backward()
        optimizer.step()
        print(loss.item())
    return right / seen


@torch.no_grad()
def validate(iterator):
    return sum(criterion(model(text).detach(), label).item() for text, label in iterator)
