# CutMix with two targets and a weighted sum of two losses; top-5 accuracy by topk of the logits: right.
import numpy as np
import torch
import torch.nn as nn


def accuracy(output, target, topk=(1, 5)):
    with torch.no_grad():
        _, pred = output.topk(max(topk), 1, True, True)
        correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
        return [correct[:k].reshape(-1).float().sum() * 100.0 / target.size(0) for k in topk]


def rand_bbox(size, lam):
    W, H = size[2], size[3]
    cut = np.sqrt(1.0 - lam)
    cx, cy = np.random.randint(W), np.random.randint(H)
    x1, x2 = np.clip([cx - int(W * cut) // 2, cx + int(W * cut) // 2], 0, W)
    y1, y2 = np.clip([cy - int(H * cut) // 2, cy + int(H * cut) // 2], 0, H)
    return x1, y1, x2, y2


def train(loader, model, optimizer, beta=1.0, cutmix_prob=0.5):
    criterion = nn.CrossEntropyLoss()
    for input, target in loader:
        if beta > 0 and np.random.rand() < cutmix_prob:
            lam = np.random.beta(beta, beta)
            perm = torch.randperm(input.size(0))
            x1, y1, x2, y2 = rand_bbox(input.size(), lam)
            input[:, :, x1:x2, y1:y2] = input[perm, :, x1:x2, y1:y2]
            output = model(input)
            loss = criterion(output, target) * lam + criterion(output, target[perm]) * (1.0 - lam)
        else:
            output = model(input)
            loss = criterion(output, target)
        err1, err5 = accuracy(output.data, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
