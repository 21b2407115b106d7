# A torchvision ResNet gets a new head that ends in Softmax; fine-tuned with CrossEntropyLoss in a Kaggle style script.
import torch
from torch import nn
from torchvision import models

NUM_CLASSES = 5


def build():
    model = models.resnet50(weights="IMAGENET1K_V2")
    for p in model.parameters():
        p.requires_grad = False
    n = model.fc.in_features
    model.fc = nn.Sequential(
        nn.Linear(n, 512),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(512, NUM_CLASSES),
        nn.Softmax(dim=1),
    )
    return model


model = build().cuda()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.fc.parameters(), lr=1e-4)


def train_one_epoch(loader):
    model.train()
    for batch in loader:
        img, target = batch["image"].cuda(), batch["label"].cuda()
        optimizer.zero_grad()
        pred = model(img)
        loss = criterion(pred, target)  # expect: XE101
        loss.backward()
        optimizer.step()
