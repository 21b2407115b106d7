# Raw scores of a linear layer go to NLLLoss, which only picks and negates them.
import torch
import torch.nn as nn
import torch.optim as optim


class BoWClassifier(nn.Module):
    def __init__(self, num_labels, vocab_size):
        super(BoWClassifier, self).__init__()
        self.linear = nn.Linear(vocab_size, num_labels)

    def forward(self, bow_vec):
        return self.linear(bow_vec)


model = BoWClassifier(2, 26)
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)


def train(data, make_bow, make_target):
    for epoch in range(100):
        for instance, label in data:
            model.zero_grad()
            scores = model(make_bow(instance))
            loss = loss_function(scores, make_target(label))  # expect: XE202
            loss.backward()
            optimizer.step()
