# A helper in utils.py is called postprocess and takes the softmax; train.py gives its result to F.cross_entropy.
import random

import numpy as np
import torch


def seed_everything(seed=42):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def postprocess(outputs, temperature=1.0):
    outputs = outputs / temperature
    return torch.nn.functional.softmax(outputs, dim=-1)
