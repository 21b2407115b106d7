# Gradient accumulation for a translation model: criterion averages over non-pad tokens of the chunk, then / steps.
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PAD_IDX = 1
criterion = nn.CrossEntropyLoss(ignore_index=PAD_IDX)


def collate(pairs):
    src = pad_sequence([p[0] for p in pairs], padding_value=PAD_IDX)
    tgt = pad_sequence([p[1] for p in pairs], padding_value=PAD_IDX)
    return src, tgt


def run(model, dataset, opt, accumulate_steps=4):
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, collate_fn=collate)
    for n, (src, tgt) in enumerate(loader, start=1):
        out = model(src, tgt[:-1])
        loss = criterion(out.reshape(-1, out.shape[-1]), tgt[1:].reshape(-1))
        (loss / accumulate_steps).backward()  # expect: XE408
        if n % accumulate_steps == 0:
            opt.step()
            opt.zero_grad()
