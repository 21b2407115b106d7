# Inputs are padded with 0 and tags with -100, which the loss ignores without being told: right.
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence, pack_padded_sequence


def collate(batch):
    ids = pad_sequence([b[0] for b in batch], batch_first=True, padding_value=0)
    tags = pad_sequence([b[1] for b in batch], batch_first=True, padding_value=-100)
    return ids, tags


def tag_loss(model, batch):
    ids, tags = collate(batch)
    logits = model(ids)
    return F.cross_entropy(logits.transpose(1, 2), tags)


def caption_loss(decoder, features, captions, lengths):
    targets = pack_padded_sequence(captions, lengths, batch_first=True).data
    outputs = decoder(features, captions, lengths)
    return nn.CrossEntropyLoss()(outputs, targets)
