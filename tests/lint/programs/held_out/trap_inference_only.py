# A script that only predicts: softmax and sigmoid at the end of networks, and no loss of any kind: right.
import sys

import torch
from PIL import Image
from torch import nn
from torchvision import models, transforms

model = models.resnet50()
model.fc = nn.Linear(2048, 3)
model.load_state_dict(torch.load("best.pt", map_location="cpu"))
model = nn.Sequential(model, nn.Softmax(dim=1)).eval()
prep = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])


@torch.inference_mode()
def main(path):
    p = model(prep(Image.open(path).convert("RGB"))[None])[0]
    for name, value in zip(["cat", "dog", "neither"], p.tolist()):
        print(f"{name:8s} {value:.3f}", "*" if value > 0.5 else "")


if __name__ == "__main__":
    main(sys.argv[1])
