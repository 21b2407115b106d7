# value_counts() sorts by frequency, not by class index, so the weights land on the wrong classes.
import pandas as pd
import torch
import torch.nn as nn

df = pd.read_csv("ham10000.csv")
df["label"] = df["dx"].astype("category").cat.codes
counts = df["label"].value_counts()
weights = torch.tensor((len(df) / counts).values, dtype=torch.float32)
criterion = nn.CrossEntropyLoss(weight=weights)


def train(model, loader, opt):
    for x, y in loader:
        opt.zero_grad()
        loss = criterion(model(x), y.long())  # expect: XE404
        loss.backward()
        opt.step()
