# The void label 255 of the annotation is mapped to 0, the background, and trained as such.
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset


class VOCSegmentation(Dataset):
    def __init__(self, images, masks, transform=None):
        self.images, self.masks, self.transform = images, masks, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        img = np.array(Image.open(self.images[i]).convert("RGB"))
        mask = np.array(Image.open(self.masks[i])).astype(np.int64)
        mask[mask == 255] = 0  # expect: XE403
        return torch.from_numpy(img).permute(2, 0, 1).float() / 255, torch.from_numpy(mask)


def loss(model, batch):
    img, mask = batch
    return torch.nn.functional.cross_entropy(model(img), mask)
