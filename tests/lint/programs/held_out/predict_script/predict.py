# The prediction script loads a network that gives logits, and cuts them at 0.5.
import torch

from model import TumourNet

net = TumourNet()
net.load_state_dict(torch.load("net.pt"))
net.eval()


@torch.no_grad()
def is_tumour(scan):
    score = net(scan[None, None])
    return bool(score.item() > 0.5)  # expect: XE308
