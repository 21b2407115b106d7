# A config is annotated, not made: how many classes there are is for the one to say who makes it.
from dataclasses import dataclass

from torch import nn


@dataclass
class Config:
    width: int = 128
    num_targets: int = 1


class Head(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.linear = nn.Linear(config.width, config.num_targets)

    def forward(self, pooled):
        return self.linear(pooled)


class Classifier(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.head = Head(config)

    def forward(self, pooled, labels):
        scores = self.head(pooled)
        return nn.CrossEntropyLoss()(scores, labels)
