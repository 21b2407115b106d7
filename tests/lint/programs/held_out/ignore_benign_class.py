# ignore_index=0 leaves a real class, "benign", out of the loss.
import torch
import torch.nn as nn

CLASS_TO_ID = {"benign": 0, "malignant": 1, "unclear": 2}

model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, len(CLASS_TO_ID)))
criterion = nn.CrossEntropyLoss(ignore_index=0)
optimizer = torch.optim.AdamW(model.parameters())


def train(records):
    for x, names in records:
        y = torch.tensor([CLASS_TO_ID[n] for n in names])
        loss = criterion(model(x), y)  # expect: XE402
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
