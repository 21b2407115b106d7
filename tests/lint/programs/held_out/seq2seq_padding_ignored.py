# Targets are padded with PAD_IDX by pad_sequence, and the loss ignores that id: right.
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

UNK_IDX, PAD_IDX, BOS_IDX, EOS_IDX = 0, 1, 2, 3


def collate_fn(batch):
    src = pad_sequence([s for s, _ in batch], padding_value=PAD_IDX)
    tgt = pad_sequence([t for _, t in batch], padding_value=PAD_IDX)
    return src, tgt


def train_epoch(model, optimizer, pairs):
    loss_fn = nn.CrossEntropyLoss(ignore_index=PAD_IDX)
    for i in range(0, len(pairs), 32):
        src, tgt = collate_fn(pairs[i:i + 32])
        logits = model(src, tgt[:-1, :])
        optimizer.zero_grad()
        tgt_out = tgt[1:, :]
        loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt_out.reshape(-1))
        loss.backward()
        optimizer.step()
