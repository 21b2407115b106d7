# A binary problem with one output unit and CrossEntropyLoss: softmax over one class is 1, so the loss is always 0.
import pandas as pd
import torch
import torch.nn as nn

df = pd.read_csv("titanic.csv")
X = torch.tensor(df[["Pclass", "Age", "Fare", "SibSp"]].fillna(0).values, dtype=torch.float32)
y = torch.tensor(df["Survived"].values, dtype=torch.float32).view(-1, 1)


class Survive(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


model = Survive()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(100):
    optimizer.zero_grad()
    loss = criterion(model(X), y)  # expect: XE301
    loss.backward()
    optimizer.step()
