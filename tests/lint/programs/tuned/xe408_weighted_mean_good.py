# Weighted losses of a batch are averaged over all its rows, as many in each micro-batch: dividing by their number is right.
import torch
from torch import nn

criterion = nn.CrossEntropyLoss(reduction="none")


def train(model, loader, optimizer, weights, accumulation_steps):
    for step, (inputs, targets, is_extra) in enumerate(loader):
        loss = criterion(model(inputs), targets)
        sample_weights = torch.ones(is_extra.size())
        sample_weights[is_extra] *= weights
        loss = loss * sample_weights
        loss = torch.mean(loss)
        loss = loss / accumulation_steps
        loss.backward()
        if (step + 1) % accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
