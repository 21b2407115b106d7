# Divergences that are not KLDivLoss: torch.distributions, a Gaussian's closed form, and a JSD by hand: right.
import torch
import torch.nn.functional as F
from torch.distributions import Categorical, Normal, kl_divergence


def vae_kl(mu, logvar):
    return kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(-1).mean()


def policy_kl(old_logits, new_logits):
    return kl_divergence(Categorical(logits=old_logits), Categorical(logits=new_logits)).mean()


def jsd(z1, z2):
    lp, lq = F.log_softmax(z1, -1), F.log_softmax(z2, -1)
    log_m = torch.logsumexp(torch.stack([lp, lq]), 0) - torch.log(torch.tensor(2.0))
    a = F.kl_div(log_m, lp, reduction="batchmean", log_target=True)
    b = F.kl_div(log_m, lq, reduction="batchmean", log_target=True)
    return (a + b) / 2
