# A loss has a gradient unless its graph was cut; told by hand that it requires one, it trains nothing.
import numpy as np
import torch
from torch import nn
from torch.autograd import Variable

criterion = nn.CrossEntropyLoss()


def by_attribute(model, optimizer, x, y):
    results = model(x)
    loss = criterion(torch.tensor(np.asarray(results)), y)  # expect: XE306
    loss.requires_grad = True
    loss.backward()
    optimizer.step()


class Trainer:
    def step(self, x, valid):
        real = self.model(x)["real"].detach()
        self.real_loss = self.criterion(real, valid)
        if self.real_loss.requires_grad is False:
            self.real_loss.requires_grad = True  # expect: XE306
        self.optimizer.zero_grad()
        self.real_loss.backward()
        self.optimizer.step()


def by_method(model, x, y):
    total_loss = my_own_loss(model(x), y).requires_grad_()
    total_loss.requires_grad_(True)  # expect: XE306
    total_loss.backward()


def anew(model, x, y):
    loss = my_own_loss(model(x), y)
    loss = Variable(loss, requires_grad=True)  # expect: XE306
    loss.backward()


class Chamfer(nn.Module):
    def forward(self, x, y):
        loss, _ = chamfer_distance(x, y)
        loss = Variable(loss, requires_grad=True)  # expect: XE306
        return loss
