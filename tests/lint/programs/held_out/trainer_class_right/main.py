# Two pairs that fit are handed to the same Trainer class: linear with cross-entropy, sigmoid with BCELoss: right.
import torch
import torch.nn as nn

from trainer import Trainer


def main(loader, binary_loader):
    net = nn.Sequential(nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 4))
    Trainer(net, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters())).train_epoch(loader)
    gate = nn.Sequential(nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 1), nn.Sigmoid())
    Trainer(gate, nn.BCELoss(), torch.optim.Adam(gate.parameters())).train_epoch(binary_loader)
