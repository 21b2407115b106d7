# Tag sequences are padded with PAD and the loss ignores that id.
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PAD = 0
tag2id = {"<pad>": PAD, "O": 1, "B-LOC": 2, "I-LOC": 3, "B-PER": 4, "I-PER": 5}


def collate(batch):
    words, tags = zip(*batch)
    words = pad_sequence([torch.tensor(w) for w in words], batch_first=True, padding_value=PAD)
    tags = pad_sequence([torch.tensor(t) for t in tags], batch_first=True, padding_value=PAD)
    return words, tags


class NER(nn.Module):
    def __init__(self, n_words):
        super().__init__()
        self.emb = nn.Embedding(n_words, 100, padding_idx=PAD)
        self.lstm = nn.LSTM(100, 200, batch_first=True)
        self.fc = nn.Linear(200, len(tag2id))

    def forward(self, x):
        return self.fc(self.lstm(self.emb(x))[0])


def train(dataset, n_words, epochs=3):
    loader = torch.utils.data.DataLoader(dataset, batch_size=32, collate_fn=collate)
    model, criterion = NER(n_words), nn.CrossEntropyLoss(ignore_index=PAD)
    optim = torch.optim.Adam(model.parameters())
    for _ in range(epochs):
        for words, tags in loader:
            optim.zero_grad()
            loss = criterion(model(words).transpose(1, 2), tags)
            loss.backward()
            optim.step()
