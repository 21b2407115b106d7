# TRADES adversarial training in which the criterion of the inner step sums and the outer one has the default.
import torch
import torch.nn as nn
import torch.nn.functional as F


def trades_loss(model, x_natural, y, optimizer, step_size=0.003, epsilon=0.031, beta=6.0):
    criterion_kl = nn.KLDivLoss(reduction="sum")
    batch_size = len(x_natural)
    x_adv = (x_natural + 0.001 * torch.randn_like(x_natural)).requires_grad_()
    inner = criterion_kl(F.log_softmax(model(x_adv), dim=1), F.softmax(model(x_natural), dim=1))
    grad = torch.autograd.grad(inner / batch_size, [x_adv])[0]
    x_adv = (x_adv.detach() + step_size * grad.sign()).clamp(0.0, 1.0)
    logits = model(x_natural)
    loss_natural = F.cross_entropy(logits, y)
    loss_robust = F.kl_div(F.log_softmax(model(x_adv), dim=1), F.softmax(logits, dim=1))  # expect: XE205
    return loss_natural + beta * loss_robust
