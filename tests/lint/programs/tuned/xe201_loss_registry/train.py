import torch

from losses import build_loss
from model import Intent

model = Intent(512, 12)
criterion = build_loss("nll", reduction="mean")
opt = torch.optim.Adam(model.parameters())


def step(emb, intent):
    opt.zero_grad()
    loss = criterion(model(emb), intent)  # expect: XE201
    loss.backward()
    opt.step()
