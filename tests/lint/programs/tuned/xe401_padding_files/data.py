# data.py pads the label ids with PAD_ID = 0; train.py averages the loss over padding too.
import torch
from torch.nn.utils.rnn import pad_sequence

PAD_ID = 0
SOS_ID = 1
EOS_ID = 2


def collate_fn(batch):
    src = pad_sequence([torch.tensor(s) for s, _ in batch], batch_first=True, padding_value=PAD_ID)
    tgt = pad_sequence([torch.tensor([SOS_ID, *t, EOS_ID]) for _, t in batch], batch_first=True, padding_value=PAD_ID)
    return src, tgt
