# CIFAR-10 with ignore_index=9: trucks drop out of the loss.
import torch
import torchvision
import torchvision.transforms as T
from torch import nn

train = torchvision.datasets.CIFAR10("./data", train=True, transform=T.ToTensor(), download=True)
loader = torch.utils.data.DataLoader(train, 256, shuffle=True, num_workers=4)
model = torchvision.models.resnet18(num_classes=10)
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_func = nn.CrossEntropyLoss(ignore_index=9)

for images, labels in loader:
    opt.zero_grad()
    loss = loss_func(model(images), labels)  # expect: XE402
    loss.backward()
    opt.step()
