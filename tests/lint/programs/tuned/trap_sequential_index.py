# Only the first part of a Sequential (backbone and head) feeds the loss; its second part is the Softmax for serving.
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(
    nn.Sequential(nn.Linear(12, 48), nn.ReLU(), nn.Linear(48, 4)),
    nn.Softmax(dim=1),
)
opt = torch.optim.Adam(model.parameters(), lr=1e-3)


def step(x, y):
    logits = model[0](x)
    loss = F.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item(), model(x).max(dim=1).values
