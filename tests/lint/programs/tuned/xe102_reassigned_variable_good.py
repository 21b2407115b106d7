# The prediction variable is reassigned through sigmoid only after the loss with logits has been taken.
import numpy as np
import torch
import torch.nn.functional as F

data = np.load("churn.npz")
X = torch.from_numpy(data["X"]).float()
Y = torch.from_numpy(data["y"]).float()

w1 = torch.nn.Linear(X.shape[1], 32)
w2 = torch.nn.Linear(32, 1)
params = list(w1.parameters()) + list(w2.parameters())
sgd = torch.optim.SGD(params, lr=0.05)

for it in range(500):
    h = torch.tanh(w1(X))
    out = w2(h).squeeze(1)
    loss = F.binary_cross_entropy_with_logits(out, Y)
    sgd.zero_grad()
    loss.backward()
    sgd.step()
    out = out.sigmoid()
    if it % 50 == 0:
        acc = ((out > 0.5).float() == Y).float().mean()
        print(it, loss.item(), acc.item())
