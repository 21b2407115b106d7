# exp of a loss in nats; without labels the first output is the logits.
import torch
from transformers import GPT2LMHeadModel

model = GPT2LMHeadModel.from_pretrained("gpt2")


def perplexity(ids):
    with torch.no_grad():
        outputs = model(ids, labels=ids)
    return torch.exp(outputs.loss).item()


def two_to_the_logits(ids):
    return 2 ** model(ids)[0]
