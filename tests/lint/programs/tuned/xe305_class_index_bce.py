# CIFAR-10 class numbers 0..9 as the target of BCEWithLogitsLoss on one output unit.
import torch
from torch import nn
from torchvision import datasets, transforms

ds = datasets.CIFAR10(".", train=True, download=True, transform=transforms.ToTensor())
dl = torch.utils.data.DataLoader(ds, batch_size=128, shuffle=True)

net = nn.Sequential(
    nn.Conv2d(3, 16, 3, stride=2),
    nn.ReLU(),
    nn.AdaptiveAvgPool2d(1),
    nn.Flatten(),
    nn.Linear(16, 1),
)
crit = nn.BCEWithLogitsLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.01)

for images, labels in dl:
    out = net(images).squeeze(1)
    loss = crit(out, labels.float())  # expect: XE305
    opt.zero_grad()
    loss.backward()
    opt.step()
