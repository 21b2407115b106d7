# CTC takes log-probabilities with the time axis first, and this model gives them: right.
import torch
import torch.nn.functional as F
from torch import nn


class CRNN(nn.Module):
    def __init__(self, n_chars):
        super().__init__()
        self.cnn = nn.Conv2d(1, 64, 3, padding=1)
        self.rnn = nn.LSTM(64 * 32, 128, bidirectional=True)
        self.fc = nn.Linear(256, n_chars + 1)

    def forward(self, img):
        f = F.relu(self.cnn(img))
        f = f.flatten(1, 2).permute(2, 0, 1)
        h, _ = self.rnn(f)
        return F.log_softmax(self.fc(h), dim=2)


ctc = nn.CTCLoss(blank=0, zero_infinity=True)


def loss_fn(model: CRNN, img, text, text_len):
    log_probs = model(img)
    in_len = torch.full((img.size(0),), log_probs.size(0), dtype=torch.long)
    return ctc(log_probs, text, in_len, text_len)
