# Lightning with MNIST digits 0..9 and a single output under F.binary_cross_entropy_with_logits.
import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import ToTensor


class Lit(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 1))

    def train_dataloader(self):
        return DataLoader(MNIST(".", download=True, transform=ToTensor()), batch_size=64)

    def training_step(self, batch, batch_idx):
        x, digit = batch
        logits = self.net(x)
        return F.binary_cross_entropy_with_logits(logits, digit.unsqueeze(1).float())  # expect: XE305

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
