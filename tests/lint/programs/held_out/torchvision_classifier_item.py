# The last item of a torchvision classifier is replaced by a pair that ends with a softmax.
import torch
from torch import nn
from torchvision.models import mobilenet_v3_small

net = mobilenet_v3_small(weights="IMAGENET1K_V1")
net.classifier[3] = nn.Sequential(nn.Linear(1024, 38), nn.Softmax(dim=1))
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.classifier.parameters())


def fit(plants):
    for leaf, disease in plants:
        opt.zero_grad()
        scores = net(leaf)
        error = ce(scores, disease)  # expect: XE101
        error.backward()
        opt.step()
