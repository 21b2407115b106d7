# The network with a softmax is wrapped by DataParallel, moved to the device and compiled before the loss sees it.
import torch
import torch.nn as nn


class Emotion(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 64, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(64, 7)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        return self.softmax(self.classifier(self.features(x)))


device = "cuda" if torch.cuda.is_available() else "cpu"
model = Emotion()
model = nn.DataParallel(model).to(device)
model = torch.compile(model)
criterion = nn.CrossEntropyLoss().to(device)
optimizer = torch.optim.Adam(model.parameters())


def train(loader):
    for face, label in loader:
        output = model(face.to(device))
        loss = criterion(output, label.to(device))  # expect: XE101
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
