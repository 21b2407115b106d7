# The loss is turned into bits, and then e (not 2) is raised to it; the second function does it right.
import math

import torch
import torch.nn.functional as F


@torch.no_grad()
def wrong(model, ids):
    logits = model(ids[:, :-1])
    nats = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:])
    bits = nats.item() / math.log(2)
    return {"bpc": bits, "ppl": math.exp(bits)}  # expect: XE603


@torch.no_grad()
def right(model, ids):
    logits = model(ids[:, :-1])
    nats = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:])
    bits = nats.item() / math.log(2)
    return {"bpc": bits, "ppl": 2**bits, "same": math.exp(nats.item())}
