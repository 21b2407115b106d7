# log_softmax over the channels and NLLLoss for maps, as older segmentation code has it: right.
import torch
import torch.nn as nn
import torch.nn.functional as F


class CrossEntropyLoss2d(nn.Module):
    def __init__(self, weight=None, ignore_index=255):
        super(CrossEntropyLoss2d, self).__init__()
        self.nll_loss = nn.NLLLoss(weight, ignore_index=ignore_index)

    def forward(self, inputs, targets):
        return self.nll_loss(F.log_softmax(inputs, dim=1), targets)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.score = nn.Conv2d(128, 21, 1)

    def forward(self, x):
        return F.interpolate(self.score(x), scale_factor=8, mode="bilinear", align_corners=False)


net, criterion = Net(), CrossEntropyLoss2d()


def step(feats, mask):
    out = net(feats)
    return criterion(out, mask), out.argmax(1)
