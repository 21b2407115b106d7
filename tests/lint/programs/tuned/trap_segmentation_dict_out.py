# torchvision's segmentation nets return {"out": logits}; argmax and softmax come after the loss.
import torch
from torch import nn
from torchvision.models.segmentation import deeplabv3_resnet50

model = deeplabv3_resnet50(num_classes=21, aux_loss=True)
criterion = nn.CrossEntropyLoss(ignore_index=255)
opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)


def train(loader):
    model.train()
    for image, target in loader:
        out = model(image)
        loss = criterion(out["out"], target) + 0.4 * criterion(out["aux"], target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        conf = out["out"].detach().softmax(dim=1).amax(dim=1)
        print(f"{loss.item():.3f} conf {conf.mean():.2f} acc {(out['out'].argmax(1) == target).float().mean():.2f}")
