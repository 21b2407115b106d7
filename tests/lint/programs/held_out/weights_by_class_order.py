# The counts are put in the order of the class ids by sort_index, bincount or np.unique: right.
import numpy as np
import pandas as pd
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

df = pd.read_csv("tickets.csv")
y_all = df["label"].to_numpy()
counts = df["label"].value_counts().sort_index()
w1 = torch.tensor((len(df) / (len(counts) * counts)).values, dtype=torch.float32)
w2 = torch.tensor(len(df) / (6 * np.bincount(y_all, minlength=6)), dtype=torch.float32)
w3 = torch.tensor(compute_class_weight("balanced", classes=np.unique(y_all), y=y_all), dtype=torch.float32)

model = nn.Linear(768, 6)


def step(x, y):
    z = model(x)
    return sum(nn.CrossEntropyLoss(weight=w)(z, y) for w in (w1, w2, w3))
