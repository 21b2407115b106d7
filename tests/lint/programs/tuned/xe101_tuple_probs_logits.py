# forward returns (probs, logits) and the training loop unpacks them the wrong way round.
import torch
from torch import nn

ce = nn.CrossEntropyLoss()


class TwoOutputs(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.linear = nn.Linear(d, k)

    def forward(self, x):
        logits = self.linear(x)
        probs = torch.softmax(logits, dim=1)
        return probs, logits


def train(loader):
    net = TwoOutputs(40, 3)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        logits, probs = net(x)
        loss = ce(logits, y)  # expect: XE101
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(loss.item(), (probs.argmax(1) == y).float().mean().item())
