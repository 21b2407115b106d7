# CTC wants log_softmax; a Gumbel-softmax code inside the encoder is no output.
import torch
from torch import nn
from torch.nn import functional as F


class Speech(nn.Module):
    def __init__(self, n_mels=80, n_chars=29, codes=64):
        super().__init__()
        self.to_code = nn.Linear(n_mels, codes)
        self.book = nn.Linear(codes, 128, bias=False)
        self.rnn = nn.LSTM(128, 128, batch_first=True)
        self.out = nn.Linear(128, n_chars)

    def forward(self, mel):
        code = F.gumbel_softmax(self.to_code(mel), tau=0.5, hard=True, dim=-1)
        h, _ = self.rnn(self.book(code))
        return F.log_softmax(self.out(h), dim=-1)


ctc = nn.CTCLoss(blank=0, zero_infinity=True)


def loss(model: Speech, mel, chars, mel_len, char_len):
    log_probs = model(mel).transpose(0, 1)
    return ctc(log_probs, chars, mel_len, char_len)
