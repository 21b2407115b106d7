# Notebook style: the first model had a Softmax; it is redefined without one before the loss is used.
import torch
from torch import nn

# first try
model = nn.Sequential(nn.Linear(30, 2), nn.Softmax(dim=1))
print(model(torch.randn(1, 30)))

# second try, this one is trained
model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 2))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters())
X, y = torch.load("X.pt"), torch.load("y.pt")
for i in range(100):
    opt.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    opt.step()
