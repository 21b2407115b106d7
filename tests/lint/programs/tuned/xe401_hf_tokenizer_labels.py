# Seq2seq labels padded by the tokenizer (pad id, not -100) go to F.cross_entropy without an ignored id.
import torch
import torch.nn.functional as F
from transformers import AutoTokenizer, T5ForConditionalGeneration

tok = AutoTokenizer.from_pretrained("t5-small")
model = T5ForConditionalGeneration.from_pretrained("t5-small")
opt = torch.optim.AdamW(model.parameters(), lr=3e-4)


def train_step(sources, targets):
    enc = tok(sources, padding=True, truncation=True, return_tensors="pt")
    labels = tok(targets, padding="max_length", max_length=64, truncation=True, return_tensors="pt").input_ids
    dec_in = model.prepare_decoder_input_ids_from_labels(labels)
    logits = model(**enc, decoder_input_ids=dec_in).logits
    loss = F.cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1))  # expect: XE401
    loss.backward()
    opt.step()
    opt.zero_grad()
    return loss.item()
