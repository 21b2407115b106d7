# The target vector gets a one for each of a document's tags and then meets CrossEntropyLoss.
import torch
from torch import nn

TAGS = ["sports", "politics", "tech", "health", "travel"]
tag_index = {t: i for i, t in enumerate(TAGS)}


def encode(tags):
    vec = torch.zeros(len(TAGS))
    for t in tags:
        vec[tag_index[t]] = 1.0
    return vec


def train(docs, encoder, optimizer):
    head = nn.Linear(384, len(TAGS))
    criterion = nn.CrossEntropyLoss()
    for texts, tag_lists in docs:
        target = torch.stack([encode(tags) for tags in tag_lists])
        logits = head(encoder(texts))
        loss = criterion(logits, target)  # expect: XE302
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
