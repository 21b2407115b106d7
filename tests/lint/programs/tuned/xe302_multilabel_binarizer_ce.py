# Film genres: several per film, binarised to multi-hot rows, and then trained with CrossEntropyLoss.
import pandas as pd
import torch
from sklearn.preprocessing import MultiLabelBinarizer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

films = pd.read_json("films.jsonl", lines=True)
mlb = MultiLabelBinarizer()
genres = torch.tensor(mlb.fit_transform(films["genres"]), dtype=torch.float32)
feats = torch.load("plot_embeddings.pt")
loader = DataLoader(TensorDataset(feats, genres), batch_size=64, shuffle=True)

head = nn.Sequential(nn.Linear(768, 256), nn.ReLU(), nn.Linear(256, len(mlb.classes_)))
criterion = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(head.parameters(), lr=2e-4)

for epoch in range(10):
    for x, g in loader:
        loss = criterion(head(x), g)  # expect: XE302
        opt.zero_grad()
        loss.backward()
        opt.step()
