# exp of the criterion that trains, which has label smoothing, is logged as perplexity in Lightning.
import lightning.pytorch as pl
import torch
from torch import nn


class LM(pl.LightningModule):
    def __init__(self, vocab=32000, d=256):
        super().__init__()
        self.emb, self.rnn = nn.Embedding(vocab, d), nn.LSTM(d, d, batch_first=True)
        self.out = nn.Linear(d, vocab)
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

    def forward(self, ids):
        return self.out(self.rnn(self.emb(ids))[0])

    def validation_step(self, batch, _):
        logits = self(batch[:, :-1])
        loss = self.criterion(logits.transpose(1, 2), batch[:, 1:])
        self.log("val_ppl", torch.exp(loss))  # expect: XE603

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
