# A table of losses: one number as the weight scales the whole loss, while its neighbour has pos_weight.
import torch
from torch import nn

LOSSES = {
    "tips": nn.BCEWithLogitsLoss(weight=torch.tensor(6)),  # expect: XE405
    "sources": nn.BCEWithLogitsLoss(pos_weight=torch.tensor(9)),
}
