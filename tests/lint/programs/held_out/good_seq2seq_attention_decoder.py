# A decoder with attention: softmax over the source, teacher forcing by argmax, log_softmax with NLLLoss: right.
import random

import torch
import torch.nn as nn
import torch.nn.functional as F

SOS_token, PAD_token = 1, 0


class AttnDecoder(nn.Module):
    def __init__(self, hidden, vocab):
        super().__init__()
        self.emb = nn.Embedding(vocab, hidden, padding_idx=PAD_token)
        self.attn = nn.Linear(hidden * 2, 1)
        self.gru = nn.GRU(hidden * 2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, vocab)

    def forward(self, token, h, enc):
        e = self.emb(token)
        s = self.attn(torch.cat([h[-1].unsqueeze(1).expand_as(enc), enc], dim=-1)).squeeze(-1)
        w = F.softmax(s, dim=1)
        ctx = torch.bmm(w.unsqueeze(1), enc)
        o, h = self.gru(torch.cat([e, ctx], dim=-1), h)
        return F.log_softmax(self.out(o.squeeze(1)), dim=1), h, w


def train(decoder: AttnDecoder, enc, h, target, teacher=0.5):
    criterion = nn.NLLLoss(ignore_index=PAD_token, reduction="sum")
    token = torch.full((enc.size(0), 1), SOS_token)
    loss = 0
    for t in range(target.size(1)):
        logp, h, _ = decoder(token, h, enc)
        loss += criterion(logp, target[:, t])
        token = target[:, t : t + 1] if random.random() < teacher else logp.argmax(1, keepdim=True).detach()
    loss = loss / (target != PAD_token).sum()
    loss.backward()
    return loss.item()
