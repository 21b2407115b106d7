# NLLLoss gets the softmax itself, so the loss is minus the probability and never a log-likelihood.
import torch
import torch.nn as nn


class CNNText(nn.Module):
    def __init__(self, config, vocab_size):
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, config.embed_size)
        self.conv = nn.Conv1d(config.embed_size, 128, 3)
        self.fc = nn.Linear(128, config.output_size)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        e = self.embeddings(x).permute(0, 2, 1)
        c = torch.relu(self.conv(e)).max(dim=2)[0]
        final_out = self.fc(c)
        return self.softmax(final_out)


class Runner:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer
        self.loss_op = nn.NLLLoss()

    def run_epoch(self, iterator):
        for batch in iterator:
            self.optimizer.zero_grad()
            y_pred = self.model(batch.text)
            loss = self.loss_op(y_pred, batch.label)  # expect: XE201
            loss.backward()
            self.optimizer.step()


def main(config, it):
    model = CNNText(config, 20000)
    Runner(model, torch.optim.SGD(model.parameters(), lr=0.5)).run_epoch(it)
