# A timm network's head is replaced by Linear and Sigmoid, and the loss takes logits.
import timm
import torch
import torch.nn as nn

backbone = timm.create_model("convnext_tiny", pretrained=True)
in_features = backbone.head.fc.in_features
backbone.head.fc = nn.Sequential(
    nn.Dropout(0.3),
    nn.Linear(in_features, 1),
    nn.Sigmoid(),
)
criterion = nn.BCEWithLogitsLoss()


def train_one_epoch(loader, optimizer):
    backbone.train()
    for img, fake in loader:
        out = backbone(img).squeeze(1)
        loss = criterion(out, fake.float())  # expect: XE102
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
