# skorch: a regressor with a linear end, and one on counts with exp; no probabilities are meant: right.
import torch
from skorch import NeuralNetRegressor
from torch import nn


class Reg(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, X):
        return self.f(X)


class Rate(Reg):
    def forward(self, X):
        return torch.exp(super().forward(X))


house = NeuralNetRegressor(Reg, lr=0.01)
visits = NeuralNetRegressor(Rate, criterion=nn.PoissonNLLLoss, criterion__log_input=False, lr=0.01)
