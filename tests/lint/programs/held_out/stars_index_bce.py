# Ratings 1 to 5 from the file are made zero-based and go to the binary loss of one unit.
import pandas as pd
import torch
from torch import nn

reviews = pd.read_csv("reviews.csv")
star_to_id = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 4}
ids = [star_to_id[s] for s in reviews["stars"].astype(str)]
y = torch.tensor(ids, dtype=torch.float32).unsqueeze(1)
X = torch.load("embeddings.pt")

head = nn.Linear(384, 1)
criterion = nn.BCEWithLogitsLoss()
loss = criterion(head(X), y)  # expect: XE305
loss.backward()
