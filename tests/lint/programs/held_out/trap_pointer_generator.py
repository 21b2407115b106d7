# A pointer-generator mixes two distributions, so the logarithm has to be taken of the mixture: right.
import torch
import torch.nn.functional as F
from torch import nn


class PointerGenerator(nn.Module):
    def __init__(self, d, vocab):
        super().__init__()
        self.vocab, self.p_gen = nn.Linear(d, vocab), nn.Linear(d, 1)

    def forward(self, h, copy_attention, src_ids):
        gate = torch.sigmoid(self.p_gen(h))
        generate = gate * F.softmax(self.vocab(h), dim=-1)
        copy = (1 - gate) * copy_attention
        return generate.scatter_add(1, src_ids, copy)


def step_loss(model: PointerGenerator, h, attention, src, target, mask):
    mixture = model(h, attention, src)
    gold = mixture.gather(1, target.unsqueeze(1)).squeeze(1)
    return -(gold.clamp_min(1e-10).log() * mask).sum() / mask.sum()
