# The pad id lives in a third file, and the loss that ignores it is told so by the same constant: right.
import torch.nn as nn

from data import collate
from vocab import PAD


def train(model, optimizer, pairs, batch_size=64):
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    for i in range(0, len(pairs), batch_size):
        src, trg = collate(pairs[i : i + batch_size])
        output = model(src, trg[:, :-1])
        loss = criterion(output.transpose(1, 2), trg[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
