# The loss of a Hugging Face model is in nats.
import torch
from transformers import GPT2LMHeadModel, GPT2TokenizerFast

model = GPT2LMHeadModel.from_pretrained("gpt2")
tokenizer = GPT2TokenizerFast.from_pretrained("gpt2")


def perplexity(text):
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        loss = model(ids, labels=ids).loss
    return 2 ** loss.item()  # expect: XE603


def of_tuple(ids):
    outputs = model(ids, labels=ids)
    return 2 ** outputs[0].item()  # expect: XE603
