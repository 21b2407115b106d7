# ignore_index=1 in a two-class problem: of the classes "fake" and "real" the second is never trained.
import torch
from torch import nn

LABELS = ["fake", "real"]
label2id = {name: i for i, name in enumerate(LABELS)}


class Forensics(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(512, len(LABELS))

    def forward(self, x):
        return self.fc(x)


net = Forensics()
criterion = nn.CrossEntropyLoss(ignore_index=1)


def step(x, names):
    y = torch.tensor([label2id[n] for n in names])
    loss = criterion(net(x), y)  # expect: XE402
    loss.backward()
