# The base class in another file holds BCEWithLogitsLoss and this subclass's forward is linear at its end: right.
from torch import nn

from base import BinaryTask


class Toxicity(BinaryTask):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.gate = nn.Sequential(nn.Linear(768, 768), nn.Sigmoid())
        self.score = nn.Linear(768, 6)

    def forward(self, x):
        h = self.encoder(x)
        return self.score(h * self.gate(h))
