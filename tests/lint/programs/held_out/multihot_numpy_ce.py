# scikit-learn's make_multilabel_classification gives multi-hot rows, and the criterion is CrossEntropyLoss.
import torch
from sklearn.datasets import make_multilabel_classification
from torch import nn

X, Y = make_multilabel_classification(n_samples=1000, n_features=20, n_classes=6, random_state=0)
X = torch.from_numpy(X).float()
Y = torch.from_numpy(Y).float()

model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 6))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(30):
    optimizer.zero_grad()
    loss = criterion(model(X), Y)  # expect: XE302
    loss.backward()
    optimizer.step()
