# Several labels a sample: their one-hot rows are summed, and the sum goes to cross_entropy.
import torch
import torch.nn.functional as F
from torch import nn

NUM_SYMPTOMS = 17
net = nn.Sequential(nn.Linear(200, 64), nn.ReLU(), nn.Linear(64, NUM_SYMPTOMS))


def step(x, symptom_ids, opt):
    """symptom_ids: (N, 3) with three different symptoms a patient."""
    target = F.one_hot(symptom_ids, NUM_SYMPTOMS).sum(dim=1).float()
    loss = F.cross_entropy(net(x), target)  # expect: XE302
    opt.zero_grad()
    loss.backward()
    opt.step()
