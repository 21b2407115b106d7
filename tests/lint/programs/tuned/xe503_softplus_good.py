# log(1 - sigmoid(x)) as -softplus(x) or logsigmoid(-x); log(1 - gamma) of a constant is something else.
import math

import torch
import torch.nn.functional as F


def discriminator_loss(d_real, d_fake):
    return F.softplus(-d_real).mean() + F.softplus(d_fake).mean()


def censored(logit_hazard, event):
    log_h = F.logsigmoid(logit_hazard)
    log_1mh = F.logsigmoid(-logit_hazard)
    return -(event * log_h + (1 - event) * log_1mh).sum(-1).mean()


def horizon(gamma=0.99):
    return math.log(1 - gamma) / math.log(gamma)
