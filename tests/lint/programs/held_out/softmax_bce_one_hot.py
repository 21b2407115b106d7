# A ten-way softmax with BCELoss on one-hot rows: the binary loss for classes that exclude each other.
import torch
import torch.nn as nn
import torch.nn.functional as F


class FashionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 32, 3)
        self.fc = nn.Linear(32 * 13 * 13, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1)
        return F.softmax(self.fc(x), dim=1)


net = FashionNet()
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(net.parameters())


def run(trainloader):
    for x, y in trainloader:
        optimizer.zero_grad()
        out = net(x)
        loss = criterion(out, F.one_hot(y, num_classes=10).float())  # expect: XE303
        loss.backward()
        optimizer.step()
