# What is learned or perturbed is told that it requires a gradient; the loss has it, but for a leaf made on purpose.
import torch
from torch import nn

criterion = nn.CrossEntropyLoss()


def attack(model, x, y):
    x = x.clone()
    x.requires_grad = True
    loss = criterion(model(x), y)
    loss.backward()
    return x.grad.sign()


class Balanced(nn.Module):
    def __init__(self):
        super().__init__()
        self.w_loss = nn.Parameter(torch.zeros(2))
        self.w_loss.requires_grad = True
        self.log_loss = torch.zeros(1, requires_grad=True)

    def forward(self, losses):
        return (losses * self.w_loss.exp()).sum()


def report(model, x, y):
    with torch.no_grad():
        loss = criterion(model(x), y)
    loss.requires_grad = False
    return loss.item()


def chunked(head, hidden, y):
    leaf = hidden.detach().requires_grad_()
    criterion(head(leaf), y).backward()
    hidden.backward(leaf.grad)


def chunked_by_attribute(hidden, y):
    logits = nn.functional.linear(hidden, torch.zeros(3, 4)).detach()
    logits.requires_grad = True
    criterion(logits, y).backward()
    return logits.grad


def cached(model, x, y):
    loss = criterion(torch.cat([model(part) for part in x]), y)
    loss.backward()
    loss = loss.detach().requires_grad_()
    return loss, [part.grad for part in x]


def of_latents(latents, loss):
    return torch.autograd.grad(loss.requires_grad_(True), [latents], retain_graph=True)[0]


def own_loss(maxima):
    loss = max(1 - each for each in maxima)
    return loss
