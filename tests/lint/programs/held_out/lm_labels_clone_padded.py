# Causal language model: batches are padded to max_length, and the shifted labels keep the pad token.
import torch
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("facebook/opt-125m")
model = AutoModelForCausalLM.from_pretrained("facebook/opt-125m")
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5)
assert tokenizer.pad_token_id == 1


def step(texts):
    enc = tokenizer(texts, padding="max_length", max_length=256, truncation=True, return_tensors="pt")
    labels = enc["input_ids"].clone()
    logits = model(**enc).logits
    shift_logits = logits[:, :-1].contiguous()
    shift_labels = labels[:, 1:].contiguous()
    loss = F.cross_entropy(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))  # expect: XE401
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
