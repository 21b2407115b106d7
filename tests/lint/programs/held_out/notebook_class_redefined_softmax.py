# A notebook defines Net twice, and this time it is the second, trained one that has the softmax.
# In[1]:
import torch
import torch.nn as nn
import torch.nn.functional as F


# In[2]:
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(30, 2)

    def forward(self, x):
        return self.fc(x)


# In[3]:
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(30, 2)

    def forward(self, x):
        return F.softmax(self.fc(x), dim=1)


# In[4]:
net = Net()
criterion = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters())


# In[5]:
def fit(x, y):
    opt.zero_grad()
    loss = criterion(net(x), y)  # expect: XE101
    loss.backward()
    opt.step()
