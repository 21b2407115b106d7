# lambda and functools.partial build losses: log_softmax by partial into F.nll_loss, BCE with logits on a linear unit.
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

log_probs = partial(F.log_softmax, dim=-1)
nll = lambda logits, y: F.nll_loss(log_probs(logits), y)
smooth_ce = partial(F.cross_entropy, label_smoothing=0.1)
bce = partial(F.binary_cross_entropy_with_logits, reduction="sum")

k_way, one = nn.Linear(8, 5), nn.Linear(8, 1)


def losses(x, y, hit):
    return nll(k_way(x), y), smooth_ce(k_way(x), y), bce(one(x).squeeze(1), hit)
