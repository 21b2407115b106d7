# The loss comes by a setter, in another file than the softmax and the call.
import torch
from torch import nn, optim

from model import *

if __name__ == "__main__":
    model = TextCNN(Config(), len(dataset.vocab))
    if torch.cuda.is_available():
        model.cuda()
    model.train()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    NLLLoss = nn.NLLLoss()
    model.add_optimizer(optimizer)
    model.add_loss_op(NLLLoss)

    for epoch in range(10):
        model.run_epoch(dataset.batches)
