# Sigmoids as hidden units and a linear output before CrossEntropyLoss: right.
import torch
from torch import nn, optim


class Perceptron(nn.Module):
    def __init__(self, in_dim, out_dim):
        super().__init__()
        self.W1 = nn.Linear(in_dim, 100)
        self.W2 = nn.Linear(100, out_dim)
        self.sig = nn.Sigmoid()

    def forward(self, x):
        x = self.sig(self.W1(x))
        x = self.W2(x)
        return x


p = Perceptron(784, 10)
lossfn = nn.CrossEntropyLoss()
sgd = optim.SGD(p.parameters(), lr=0.1)


def one_pass(train_data):
    for xs, ts in train_data:
        sgd.zero_grad()
        e = lossfn(p(xs.flatten(1)), ts)
        e.backward()
        sgd.step()
