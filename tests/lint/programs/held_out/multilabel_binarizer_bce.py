# MultiLabelBinarizer's rows go to BCEWithLogitsLoss, and LabelBinarizer-like one-hot rows to CrossEntropyLoss: right.
import torch
import torch.nn.functional as F
from sklearn.preprocessing import MultiLabelBinarizer
from torch import nn

genres = [["drama", "crime"], ["comedy"], ["drama", "romance", "comedy"], ["horror", "crime"]]
country = torch.tensor([0, 2, 2, 1])
mlb = MultiLabelBinarizer()
Y = torch.tensor(mlb.fit_transform(genres), dtype=torch.float32)
X = torch.randn(len(genres), 300)

body = nn.Sequential(nn.Linear(300, 100), nn.ReLU())
genre_head, country_head = nn.Linear(100, Y.shape[1]), nn.Linear(100, 3)
params = [*body.parameters(), *genre_head.parameters(), *country_head.parameters()]
adam = torch.optim.Adam(params)

for epoch in range(10):
    adam.zero_grad()
    h = body(X)
    loss = nn.BCEWithLogitsLoss()(genre_head(h), Y)
    loss = loss + nn.CrossEntropyLoss()(country_head(h), F.one_hot(country, 3).float())
    loss.backward()
    adam.step()
