# A network from a hub and one from an argument: what they put out is not known, and the losses are plain: silent.
import timm
import torch
import torch.nn.functional as F
from torch import nn


def train(model, loader, optimizer):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def finetune(loader):
    vit = timm.create_model("vit_small_patch16_224", pretrained=True, num_classes=5)
    yolo = torch.hub.load("ultralytics/yolov5", "custom", path="best.pt")
    train(vit, loader, torch.optim.AdamW(vit.parameters(), lr=1e-5))
    bce = nn.BCELoss()
    return lambda x, y: bce(yolo(x), y)
