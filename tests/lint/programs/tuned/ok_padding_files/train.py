import torch
from torch import nn
from torch.utils.data import DataLoader

from data import PAD_ID, collate_fn


def train(model, pairs, vocab_size):
    loader = DataLoader(pairs, batch_size=64, shuffle=True, collate_fn=collate_fn)
    criterion = nn.CrossEntropyLoss(ignore_index=PAD_ID, label_smoothing=0.1)
    opt = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    for src, tgt in loader:
        out = model(src, tgt[:, :-1], src_key_padding_mask=src == PAD_ID)
        loss = criterion(out.reshape(-1, vocab_size), tgt[:, 1:].reshape(-1))
        opt.zero_grad()
        loss.backward()
        opt.step()
