# Segmentation of four overlapping structures: a sigmoid a channel, then BCELoss against the stacked masks.
import torch
import torch.nn as nn


class SegHead(nn.Module):
    def __init__(self, cin=64, n_structures=4):
        super().__init__()
        self.conv = nn.Conv2d(cin, n_structures, 1)

    def forward(self, feats):
        return torch.sigmoid(self.conv(feats))


head = SegHead()
bce = nn.BCELoss()


def loss_of(feats, liver, kidney, spleen, lesion):
    masks = torch.stack([liver, kidney, spleen, lesion], dim=1).float()
    return bce(head(feats), masks)
