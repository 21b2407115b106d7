# value_counts sorts by frequency, so its values are not in the order of the class ids.
import pandas as pd
import torch
from torch import nn

df = pd.read_csv("tickets.csv")
counts = df["label"].value_counts()
weights = torch.tensor((len(df) / (len(counts) * counts)).values, dtype=torch.float32)

model = nn.Linear(768, 6)
criterion = nn.CrossEntropyLoss(weight=weights)


def step(x, y, opt):
    loss = criterion(model(x), y)  # expect: XE404
    opt.zero_grad()
    loss.backward()
    opt.step()
