# A helper that was written for inference is used inside the training loop too.
import torch
import torch.nn as nn

net = nn.Sequential(nn.Linear(28 * 28, 300), nn.ReLU(), nn.Linear(300, 10))


def predict(images):
    flat = images.view(images.size(0), -1)
    return net(flat).softmax(dim=1)


def accuracy(loader):
    hits = sum((predict(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


def train(loader, n_epochs=5):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(n_epochs):
        for x, y in loader:
            loss = nn.functional.cross_entropy(predict(x), y)  # expect: XE101
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
