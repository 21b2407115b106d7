# The sentences are padded, but there is one label for each of them; nothing of the target is padding: right.
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PAD_IDX = 0


def collate(batch):
    texts, labels = zip(*batch)
    return pad_sequence(texts, batch_first=True, padding_value=PAD_IDX), torch.tensor(labels)


class Bag(nn.Module):
    def __init__(self, vocab, k=4):
        super().__init__()
        self.emb = nn.Embedding(vocab, 64, padding_idx=PAD_IDX)
        self.fc = nn.Linear(64, k)

    def forward(self, x):
        keep = (x != PAD_IDX).unsqueeze(-1)
        return self.fc((self.emb(x) * keep).sum(1) / keep.sum(1).clamp(min=1))


def train(model: Bag, data, opt):
    criterion = nn.CrossEntropyLoss()
    for i in range(0, len(data), 16):
        x, y = collate(data[i : i + 16])
        loss = criterion(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
