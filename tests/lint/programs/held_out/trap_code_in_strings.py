# The mistakes stand in a docstring, a comment and a template that is written to a file: right.
"""Why not to write

    probs = F.softmax(logits, dim=1)
    loss = F.cross_entropy(probs, y)

and torch.log(torch.softmax(x, -1)) neither.
"""
import torch.nn.functional as F
from torch import nn

TEMPLATE = '''
criterion = nn.CrossEntropyLoss()
loss = criterion(torch.softmax(net(x), dim=1), y)
preds = logits > 0.5
'''

net = nn.Linear(3, 3)


def loss(x, y):
    # loss = F.cross_entropy(F.softmax(net(x), dim=1), y)
    return F.cross_entropy(net(x), y)


def write_homework(path):
    with open(path, "w") as f:
        f.write(TEMPLATE)
