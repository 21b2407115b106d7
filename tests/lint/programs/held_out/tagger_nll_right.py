# An LSTM tagger with log_softmax handed to nll_loss, and the scores kept for the decoder: right.
import torch
import torch.nn as nn
import torch.nn.functional as F


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim, hidden_dim, vocab_size, tagset_size):
        super().__init__()
        self.word_embeddings = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tagset_size)

    def forward(self, sentence):
        embeds = self.word_embeddings(sentence)
        lstm_out, _ = self.lstm(embeds.view(len(sentence), 1, -1))
        tag_space = self.hidden2tag(lstm_out.view(len(sentence), -1))
        tag_scores = F.log_softmax(tag_space, dim=1)
        return tag_space, tag_scores


def train(model: LSTMTagger, sents, optimizer):
    for sentence, tags in sents:
        model.zero_grad()
        space, scores = model(sentence)
        print(space.argmax(1))
        loss = F.nll_loss(scores, tags)
        loss.backward()
        optimizer.step()
