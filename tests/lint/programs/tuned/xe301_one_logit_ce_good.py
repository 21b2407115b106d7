# The same binary problem twice: one unit with BCEWithLogitsLoss, two units with CrossEntropyLoss.
import pandas as pd
import torch
import torch.nn as nn

df = pd.read_csv("titanic.csv")
X = torch.tensor(df[["Pclass", "Age", "Fare", "SibSp"]].fillna(0).values, dtype=torch.float32)
y = torch.tensor(df["Survived"].values)


class Survive(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.fc1 = nn.Linear(4, 32)
        self.fc2 = nn.Linear(32, n_out)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


one = Survive(1)
two = Survive(2)
optimizer = torch.optim.Adam(list(one.parameters()) + list(two.parameters()), lr=1e-2)
bce, ce = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()
for epoch in range(100):
    optimizer.zero_grad()
    loss = bce(one(X).squeeze(1), y.float()) + ce(two(X), y)
    loss.backward()
    optimizer.step()
