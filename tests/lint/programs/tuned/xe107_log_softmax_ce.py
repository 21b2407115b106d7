# The model returns log_softmax, yet the loss is CrossEntropyLoss: harmless since log_softmax is idempotent, but idle.
import torch
import torch.nn as nn


class POSTagger(nn.Module):
    def __init__(self, vocab_size, tagset_size, dim=64):
        super().__init__()
        self.emb = nn.Embedding(vocab_size, dim)
        self.lstm = nn.LSTM(dim, dim)
        self.hidden2tag = nn.Linear(dim, tagset_size)

    def forward(self, sentence):
        lstm_out, _ = self.lstm(self.emb(sentence).view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        return nn.functional.log_softmax(tag_space, dim=1)


tagger = POSTagger(5000, 17)
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(tagger.parameters(), lr=0.1)


def epoch(data):
    for sent, tags in data:
        tagger.zero_grad()
        tag_scores = tagger(sent)
        loss = loss_function(tag_scores, tags)  # expect: XE107
        loss.backward()
        optimizer.step()
