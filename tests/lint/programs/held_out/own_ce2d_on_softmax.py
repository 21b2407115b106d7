# A class of one's own wraps log_softmax and NLLLoss; a network with a softmax at its end calls it by mistake.
import torch
import torch.nn as nn
import torch.nn.functional as F


class PixelLoss(nn.Module):
    def __init__(self, ignore_index=255):
        super().__init__()
        self.ce = nn.CrossEntropyLoss(ignore_index=ignore_index)

    def forward(self, inputs, targets):
        return self.ce(inputs, targets.squeeze(1).long())  # expect: XE101


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Conv2d(128, 21, 1)
        self.out = nn.Softmax(dim=1)

    def forward(self, x):
        return self.out(self.score(x))


net, criterion = Net(), PixelLoss()


def step(feats, mask):
    loss = criterion(net(feats), mask)
    loss.backward()
    return loss
