# Logit soft-capping (cap * tanh(logits / cap)) bounds the logits on purpose; it is not a ReLU on the head.
import torch
from torch import nn
from torch.nn import functional as F


class Decoder(nn.Module):
    def __init__(self, vocab=32000, d=512, softcap=30.0):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        layer = nn.TransformerEncoderLayer(d, 8, 4 * d, batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 6)
        self.lm_head = nn.Linear(d, vocab, bias=False)
        self.softcap = softcap

    def forward(self, idx, targets=None):
        mask = nn.Transformer.generate_square_subsequent_mask(idx.size(1)).to(idx.device)
        h = self.blocks(self.emb(idx), mask=mask, is_causal=True)
        logits = self.lm_head(h)
        logits = self.softcap * torch.tanh(logits / self.softcap)
        if targets is None:
            return logits, None
        loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))
        return logits, loss
