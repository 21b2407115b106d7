# CIFAR-10 reduced to "is it an animal": the class numbers are mapped to 0 and 1 before BCEWithLogitsLoss.
import torch
from torch import nn
from torchvision import datasets, transforms

ds = datasets.CIFAR10(".", train=True, download=True, transform=transforms.ToTensor())
dl = torch.utils.data.DataLoader(ds, batch_size=128, shuffle=True)
ANIMALS = torch.tensor([2, 3, 4, 5, 6, 7])

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
    is_animal = torch.isin(labels, ANIMALS)
    loss = crit(out, is_animal.float())
    opt.zero_grad()
    loss.backward()
    opt.step()
