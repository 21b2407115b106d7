# Old style: .data of the output is wrapped in a Variable again, which cuts the graph before the loss.
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(784, 200)
        self.fc2 = nn.Linear(200, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)


def train(loader):
    for data, target in loader:
        net_out = net(data.view(-1, 784))
        out = Variable(net_out.data, requires_grad=True)
        loss = F.cross_entropy(out, target)  # expect: XE306
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
