# A sigmoid network and CrossEntropyLoss are handed to a Trainer class in another file.
import torch
import torch.nn as nn

from trainer import Trainer


class CharCNN(nn.Module):
    def __init__(self, n_chars, n_classes):
        super().__init__()
        self.conv = nn.Conv1d(n_chars, 256, 7)
        self.fc = nn.Linear(256, n_classes)

    def forward(self, x):
        x = torch.relu(self.conv(x)).amax(dim=2)
        return self.fc(x).sigmoid()


def main(loader):
    net = CharCNN(70, 4)
    trainer = Trainer(net, nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters()))
    for _ in range(10):
        trainer.train_epoch(loader)
