# Names of one letter: a loss is what the file gives to a name, whatever the name.
import torch, torch.nn as nn, torch.nn.functional as F
class N(nn.Module):
    def __init__(self):
        super().__init__(); self.a = nn.Linear(3, 3); self.b = nn.Linear(3, 1)
    def forward(self, x):
        return torch.softmax(self.b(torch.relu(self.a(x))), dim=1)
n = N(); c = nn.BCELoss()
def s(x, y):
    return c(n(x), y) # expect: XE301
criterion = nn.BCELoss()
def s2(x, y):
    return criterion(n(x), y) # expect: XE301
