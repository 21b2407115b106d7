# A class whose number of labels is 1 unless its maker, who is not seen, says another.
import torch.nn.functional as F
from torch import nn


class Classifier(nn.Module):
    def __init__(self, width: int, n_labels: int = 5):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, n_labels))

    def forward(self, x):
        return self.layers(x)


class LabelledAutoencoder(nn.Module):
    def __init__(self, n_latent: int, n_labels: int = 1):
        super().__init__()
        self.classifier = Classifier(n_latent, n_labels=n_labels)

    def loss(self, z, y):
        return F.cross_entropy(self.classifier(z), y.view(-1).long())
