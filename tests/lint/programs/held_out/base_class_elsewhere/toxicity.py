# The base class in another file holds BCEWithLogitsLoss; this subclass's forward ends with a sigmoid.
import torch
from torch import nn

from base import BinaryTask


class Toxicity(BinaryTask):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.score = nn.Linear(768, 6)

    def forward(self, x):
        return torch.sigmoid(self.score(self.encoder(x)))
