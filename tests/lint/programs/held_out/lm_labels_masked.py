# Causal language model: the padded places of the labels become -100 before the shift: right.
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("facebook/opt-125m")
model = AutoModelForCausalLM.from_pretrained("facebook/opt-125m")


def step(texts):
    enc = tokenizer(texts, padding="max_length", max_length=256, truncation=True, return_tensors="pt")
    labels = enc["input_ids"].clone()
    labels[enc["attention_mask"] == 0] = -100
    logits = model(**enc).logits
    shift_logits = logits[:, :-1].contiguous()
    shift_labels = labels[:, 1:].contiguous()
    return F.cross_entropy(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))


def step_by_weights(texts):
    enc = tokenizer(texts, padding=True, return_tensors="pt")
    logits = model(**enc).logits[:, :-1]
    ce = F.cross_entropy(logits.transpose(1, 2), enc["input_ids"][:, 1:], reduction="none")
    w = enc["attention_mask"][:, 1:].float()
    return (ce * w).sum() / w.sum()
