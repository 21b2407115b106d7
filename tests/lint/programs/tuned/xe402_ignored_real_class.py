# ignore_index=0 where 0 is the first real class, so "negative" is never learned.
import torch
from torch import nn

LABELS = {"negative": 0, "neutral": 1, "positive": 2}


class Sentiment(nn.Module):
    def __init__(self, bert):
        super().__init__()
        self.bert = bert
        self.cls = nn.Linear(768, len(LABELS))

    def forward(self, ids, mask):
        return self.cls(self.bert(ids, attention_mask=mask).pooler_output)


def train(model: Sentiment, rows, tokenizer, lr=2e-5):
    criterion = nn.CrossEntropyLoss(ignore_index=0)
    opt = torch.optim.AdamW(model.parameters(), lr=lr)
    for texts, names in rows:
        enc = tokenizer(texts, padding=True, return_tensors="pt")
        y = torch.tensor([LABELS[n] for n in names])
        loss = criterion(model(enc["input_ids"], enc["attention_mask"]), y)  # expect: XE402
        opt.zero_grad()
        loss.backward()
        opt.step()
