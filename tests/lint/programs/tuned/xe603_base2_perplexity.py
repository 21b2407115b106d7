# The loss is turned into bits and then exponentiated with base e.
import math

import torch
import torch.nn.functional as F


def report(model, tokens):
    with torch.no_grad():
        logits = model(tokens[:, :-1])
        nats = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).item()
    bits = nats / math.log(2)
    ppl = math.exp(bits)  # expect: XE603
    print(f"{bits:.3f} bits per token, perplexity {ppl:.1f}")
