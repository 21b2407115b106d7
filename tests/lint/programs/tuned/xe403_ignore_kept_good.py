# Void pixels stay ignored; 255 in a binary PNG mask is the foreground (1); -100 is replaced for decoding only.
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

IGNORE = -100


def load_voc(path):
    mask = np.array(Image.open(path), dtype=np.int64)
    mask[mask == 255] = IGNORE
    return torch.from_numpy(mask)


def load_saliency(path):
    """PNG with 0 for background and 255 for the object."""
    mask = np.array(Image.open(path).convert("L"))
    mask[mask == 255] = 1
    return torch.from_numpy(mask).float()


def loss(net, image, path):
    return F.cross_entropy(net(image), load_voc(path)[None], ignore_index=IGNORE)


def decode(tokenizer, preds, labels):
    labels = np.where(labels != -100, labels, tokenizer.pad_token_id)
    return tokenizer.batch_decode(preds, skip_special_tokens=True), tokenizer.batch_decode(labels)
