# MultiLabelBinarizer gives rows with several ones; CrossEntropyLoss takes them for a distribution.
import torch
from sklearn.preprocessing import MultiLabelBinarizer
from torch import nn

genres = [["drama", "crime"], ["comedy"], ["drama", "romance", "comedy"], ["horror", "crime"]]
mlb = MultiLabelBinarizer()
Y = torch.tensor(mlb.fit_transform(genres), dtype=torch.float32)
X = torch.randn(len(genres), 300)

net = nn.Sequential(nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, Y.shape[1]))
lossfun = nn.CrossEntropyLoss()
adam = torch.optim.Adam(net.parameters())

for epoch in range(10):
    adam.zero_grad()
    loss = lossfun(net(X), Y)  # expect: XE302
    loss.backward()
    adam.step()
