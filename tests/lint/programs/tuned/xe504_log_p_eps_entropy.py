# Entropy bonus from softmax probabilities with a 1e-8 inside the log.
import torch
import torch.nn.functional as F


def policy_loss(net, obs, actions, advantages, beta=0.01):
    logits = net(obs)
    probs = F.softmax(logits, dim=-1)
    entropy = -(probs * torch.log(probs + 1e-8)).sum(-1)  # expect: XE504
    logp = F.log_softmax(logits, dim=-1).gather(1, actions[:, None]).squeeze(1)
    return -(logp * advantages).mean() - beta * entropy.mean()
