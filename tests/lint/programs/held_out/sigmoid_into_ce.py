# A sigmoid at the end of a ten-class network before CrossEntropyLoss.
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
        x = self.sig(self.W2(x))
        return x


p = Perceptron(784, 10)
lossfn = nn.CrossEntropyLoss()
sgd = optim.SGD(p.parameters(), lr=0.1)


def one_pass(train_data):
    total = 0.0
    for xs, ts in train_data:
        sgd.zero_grad()
        ys = p(xs.flatten(1))
        e = lossfn(ys, ts)  # expect: XE103
        e.backward()
        sgd.step()
        total += e.item() * len(xs)
    return total
