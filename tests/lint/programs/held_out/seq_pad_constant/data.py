# Batches padded with PAD.
from torch.nn.utils.rnn import pad_sequence

from vocab import PAD


def collate(batch):
    src, trg = zip(*batch)
    src = pad_sequence(src, batch_first=True, padding_value=PAD)
    trg = pad_sequence(trg, batch_first=True, padding_value=PAD)
    return src, trg
