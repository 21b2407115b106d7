# SimCLR's loss: similarities over a temperature, the diagonal masked, cross-entropy with the partner's index: right.
import torch
import torch.nn.functional as F


def nt_xent(z1, z2, temperature=0.5):
    n = z1.size(0)
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    sim = z @ z.t() / temperature
    sim.fill_diagonal_(float("-inf"))
    targets = torch.cat([torch.arange(n, 2 * n), torch.arange(n)]).to(z.device)
    return F.cross_entropy(sim, targets)


def supcon(z, y, temperature=0.1):
    z = F.normalize(z, dim=1)
    sim = z @ z.t() / temperature
    eye = torch.eye(len(y), dtype=torch.bool, device=z.device)
    log_prob = sim - torch.logsumexp(sim.masked_fill(eye, float("-inf")), dim=1, keepdim=True)
    same = (y[:, None] == y[None, :]) & ~eye
    return -(log_prob * same).sum(1).div(same.sum(1).clamp(min=1)).mean()
