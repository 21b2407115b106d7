# A decoder gives log-probabilities; in one run it meets NLLLoss and in the other CrossEntropyLoss.
import torch
import torch.nn as nn


class DecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size):
        super(DecoderRNN, self).__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.gru = nn.GRU(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        output = torch.relu(self.embedding(input).view(1, 1, -1))
        output, hidden = self.gru(output, hidden)
        output = self.softmax(self.out(output[0]))
        return output, hidden


def trainIters(pairs, decoder: DecoderRNN, hidden):
    nll, ce = nn.NLLLoss(), nn.CrossEntropyLoss()
    loss = 0
    for decoder_input, target in pairs:
        decoder_output, hidden = decoder(decoder_input, hidden)
        loss += nll(decoder_output, target)
    for decoder_input, target in pairs:
        decoder_output, hidden = decoder(decoder_input, hidden)
        loss += ce(decoder_output, target)  # expect: XE107
    return loss
