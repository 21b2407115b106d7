# Homework style: an OrderedDict Sequential ends in Sigmoid over three iris classes, trained by CrossEntropyLoss.
from collections import OrderedDict

import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

iris = load_iris()
X_tr, X_te, y_tr, y_te = train_test_split(iris.data, iris.target, test_size=0.2, random_state=42)
X_tr = torch.FloatTensor(X_tr)
y_tr = torch.LongTensor(y_tr)

model = torch.nn.Sequential(
    OrderedDict(
        [
            ("hidden", torch.nn.Linear(4, 16)),
            ("relu", torch.nn.ReLU()),
            ("output", torch.nn.Linear(16, 3)),
            ("sig", torch.nn.Sigmoid()),
        ]
    )
)
loss_function = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
losses = []
for i in range(200):
    y_pred = model.forward(X_tr)
    loss = loss_function(y_pred, y_tr)  # expect: XE103
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

y_val = model(torch.FloatTensor(X_te)).argmax(dim=1)
print((y_val == torch.LongTensor(y_te)).sum().item(), "of", len(y_te))
