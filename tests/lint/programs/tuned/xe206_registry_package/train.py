import torch
import torch.nn.functional as F

from models import create_model


def fit(loader):
    model = create_model("gru", d=24)
    opt = torch.optim.Adam(model.parameters())
    for x, y in loader:
        y_hat = model(x)
        loss = F.binary_cross_entropy(y_hat, y.float())  # expect: XE206
        opt.zero_grad()
        loss.backward()
        opt.step()
