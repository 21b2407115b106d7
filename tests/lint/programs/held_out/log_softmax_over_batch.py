# The log_softmax of a (batch, classes) output runs over the batch axis before NLLLoss.
import torch
from torch import nn
from torch.nn import functional as F


class Speaker(nn.Module):
    def __init__(self, n_speakers=251):
        super().__init__()
        self.fc = nn.Linear(192, n_speakers)

    def forward(self, emb):
        return F.log_softmax(self.fc(emb), dim=0)  # expect: XE307


def main():
    emb = torch.randn(64, 192)
    spk = torch.randint(0, 251, (64,))
    model = Speaker()
    loss = F.nll_loss(model(emb), spk)
    loss.backward()


main()
