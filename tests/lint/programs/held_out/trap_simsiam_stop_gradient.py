# Self-supervision: the target branch is detached, and SwAV's codes come from no_grad: right.
import torch
import torch.nn.functional as F
from torch import nn

encoder, predictor = nn.Linear(128, 64), nn.Linear(64, 64)
prototypes = nn.Linear(64, 300, bias=False)


def simsiam(x1, x2):
    z1, z2 = encoder(x1), encoder(x2)
    p1, p2 = predictor(z1), predictor(z2)
    return -(F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean()) / 2


def swav(x1, x2, tau=0.1):
    s1 = prototypes(F.normalize(encoder(x1), dim=1))
    s2 = prototypes(F.normalize(encoder(x2), dim=1))
    with torch.no_grad():
        q = torch.softmax(s1 / 0.05, dim=1)
    return F.cross_entropy(s2 / tau, q)
