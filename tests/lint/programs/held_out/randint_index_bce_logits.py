# Class numbers from 0 to 5 are cast to float for the functional binary loss.
import torch
import torch.nn.functional as F
from torch import nn

n_class = 6
scorer = nn.Linear(24, 1)
opt = torch.optim.SGD(scorer.parameters(), lr=1e-2)
x = torch.randn(128, 24)
stars = torch.randint(0, n_class, (128, 1))

for _ in range(20):
    opt.zero_grad()
    loss = F.binary_cross_entropy_with_logits(scorer(x), stars.float())  # expect: XE305
    loss.backward()
    opt.step()

one_vs_rest = nn.Linear(24, n_class)
per_class = F.binary_cross_entropy_with_logits(one_vs_rest(x), F.one_hot(stars.squeeze(1), n_class).float())
