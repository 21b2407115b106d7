# Film genres as multi-hot rows with BCEWithLogitsLoss; the film's single language uses CrossEntropyLoss.
import pandas as pd
import torch
from sklearn.preprocessing import LabelEncoder, MultiLabelBinarizer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

films = pd.read_json("films.jsonl", lines=True)
mlb, le = MultiLabelBinarizer(), LabelEncoder()
genres = torch.tensor(mlb.fit_transform(films["genres"]), dtype=torch.float32)
langs = torch.tensor(le.fit_transform(films["language"]))
feats = torch.load("plot_embeddings.pt")
loader = DataLoader(TensorDataset(feats, genres, langs), batch_size=64, shuffle=True)

genre_head = nn.Linear(768, len(mlb.classes_))
lang_head = nn.Linear(768, len(le.classes_))
multi, single = nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()
opt = torch.optim.AdamW([*genre_head.parameters(), *lang_head.parameters()], lr=2e-4)

for epoch in range(10):
    for x, g, lang in loader:
        loss = multi(genre_head(x), g) + single(lang_head(x), lang)
        opt.zero_grad()
        loss.backward()
        opt.step()
