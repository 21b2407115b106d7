# The training loop itself takes F.softmax of the output before F.nll_loss.
import torch
import torch.nn as nn
import torch.nn.functional as F


class MovementNet(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.gru = nn.GRU(d, 64, batch_first=True)
        self.blend = nn.Bilinear(64, 64, 2)

    def forward(self, price, tweet):
        _, a = self.gru(price)
        _, b = self.gru(tweet)
        return self.blend(a[0], b[0])


def train(model: MovementNet, days, optimizer, w):
    for price, tweet, label in days:
        optimizer.zero_grad()
        output = model(price, tweet)
        loss_train = F.nll_loss(F.softmax(output, dim=1), label, weight=w)  # expect: XE201
        loss_train.backward()
        optimizer.step()
