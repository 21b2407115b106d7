# The logits are detached "to save memory" before the loss that is backpropagated with a second term.
import torch
import torch.nn as nn


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(32, 64)
        self.coarse = nn.Linear(64, 4)
        self.fine = nn.Linear(64, 20)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        return self.coarse(h), self.fine(h)


def step(model: TwoHeads, batch, opt):
    x, y_coarse, y_fine = batch
    ce = nn.CrossEntropyLoss()
    coarse, fine = model(x)
    loss_coarse = ce(coarse, y_coarse)
    loss_fine = ce(fine.detach(), y_fine)  # expect: XE306
    loss = loss_coarse + loss_fine
    opt.zero_grad()
    loss.backward()
    opt.step()
