# VOC's void pixels (255) are written to 0, which is the background class, and so are trained as background.
import numpy as np
import torch
from torch.utils.data import Dataset
from torchvision.datasets import VOCSegmentation

CLASSES = ["background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"]


class VOC(Dataset):
    def __init__(self, root, split="train"):
        self.voc = VOCSegmentation(root, image_set=split, download=True)

    def __len__(self):
        return len(self.voc)

    def __getitem__(self, i):
        img, target = self.voc[i]
        img = torch.from_numpy(np.array(img)).permute(2, 0, 1).float().div(255)
        mask = np.array(target, dtype=np.int64)
        mask[mask == 255] = 0  # expect: XE403
        return img, torch.from_numpy(mask)
