# PointNet's segmentation head: log_softmax over the class axis after a transpose, then nll_loss on rows: right.
import torch
import torch.nn as nn
import torch.nn.functional as F


class SegHead(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.k = k
        self.conv1 = nn.Conv1d(1088, 128, 1)
        self.conv2 = nn.Conv1d(128, k, 1)

    def forward(self, x):
        batchsize, n_pts = x.size(0), x.size(2)
        x = F.relu(self.conv1(x))
        x = self.conv2(x)
        x = x.transpose(2, 1).contiguous()
        x = F.log_softmax(x.view(-1, self.k), dim=-1)
        return x.view(batchsize, n_pts, self.k)


def seg_loss(head: SegHead, feats, target):
    pred = head(feats).view(-1, head.k)
    return F.nll_loss(pred, target.view(-1))
