# Ids are looked up by a comparison with a name; what is unlabelled stays so, or what was background is left out.
from torch.nn import functional as F


def step(model, image, target, other):
    void = target == 255
    other[void] = 0
    target[target == 0] = 255
    return F.cross_entropy(model(image), target, ignore_index=255)
