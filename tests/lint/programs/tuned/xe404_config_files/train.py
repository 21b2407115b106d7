import timm
import torch
from torch import nn

import config

model = timm.create_model("convnext_tiny", pretrained=True, num_classes=len(config.CLASSES))
criterion = nn.CrossEntropyLoss(weight=torch.tensor(config.CLASS_WEIGHTS))
optimizer = torch.optim.AdamW(model.parameters(), lr=config.LR)


def train_step(images, labels):
    loss = criterion(model(images), labels)  # expect: XE404
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
