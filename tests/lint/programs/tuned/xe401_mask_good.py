# Captions padded with id 0: one loss multiplies by a mask, another works on packed sequences without any padding.
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

PAD = 0


def collate(captions):
    lengths = torch.tensor([len(c) for c in captions])
    return pad_sequence(captions, batch_first=True, padding_value=PAD), lengths


def masked_loss(logits, targets):
    loss = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    mask = (targets != PAD).float()
    return (loss * mask).sum() / mask.sum()


def packed_loss(decoder, features, captions):
    targets, lengths = collate(captions)
    logits = decoder(features, targets, lengths)
    packed = pack_padded_sequence(logits, lengths, batch_first=True, enforce_sorted=False).data
    gold = pack_padded_sequence(targets, lengths, batch_first=True, enforce_sorted=False).data
    return F.cross_entropy(packed, gold)
