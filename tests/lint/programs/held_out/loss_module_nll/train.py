# The loss is made in one file and the softmax in another; NLLLoss wants log-probabilities.
import torch

from losses import get_criterion
from network import KeywordNet


def train(loader):
    net = KeywordNet()
    criterion = get_criterion("nll")
    opt = torch.optim.Adam(net.parameters())
    for mel, word in loader:
        opt.zero_grad()
        loss = criterion(net(mel), word)  # expect: XE201
        loss.backward()
        opt.step()
