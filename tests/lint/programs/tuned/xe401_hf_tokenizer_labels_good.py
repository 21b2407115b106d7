# Seq2seq labels: the tokenizer's pad id becomes -100, which both the model's own loss and F.cross_entropy ignore.
import torch
import torch.nn.functional as F
from transformers import AutoTokenizer, T5ForConditionalGeneration

tok = AutoTokenizer.from_pretrained("t5-small")
model = T5ForConditionalGeneration.from_pretrained("t5-small")
opt = torch.optim.AdamW(model.parameters(), lr=3e-4)


def train_step(sources, targets):
    enc = tok(sources, padding=True, truncation=True, return_tensors="pt")
    labels = tok(targets, padding="max_length", max_length=64, truncation=True, return_tensors="pt").input_ids
    labels[labels == tok.pad_token_id] = -100
    out = model(**enc, labels=labels)
    check = F.cross_entropy(out.logits.view(-1, out.logits.size(-1)), labels.view(-1))
    assert torch.allclose(out.loss, check, atol=1e-4)
    out.loss.backward()
    opt.step()
    opt.zero_grad()
    return out.loss.item()
