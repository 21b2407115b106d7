# The loss class is looked up by name with getattr from a constant; the model's forward ends with softmax.
import torch
import torch.nn as nn

LOSS_NAME = "CrossEntropyLoss"


class GRUClassifier(nn.Module):
    def __init__(self, n_in, n_hid, n_out):
        super().__init__()
        self.rnn = nn.GRU(n_in, n_hid, batch_first=True)
        self.out = nn.Linear(n_hid, n_out)

    def forward(self, x):
        _, h = self.rnn(x)
        h = self.out(h[-1])
        return torch.softmax(h, 1)


criterion = getattr(nn, LOSS_NAME)()
model = GRUClassifier(9, 64, 6)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-4)


def train(dl):
    for sig, act in dl:
        prediction = model(sig)
        err = criterion(prediction, act.long())  # expect: XE101
        optimizer.zero_grad()
        err.backward()
        optimizer.step()
