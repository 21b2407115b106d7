# Masked language modelling: the collator's labels are -100 but for the masked tokens: right.
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling

tok = AutoTokenizer.from_pretrained("bert-base-uncased")
model = AutoModelForMaskedLM.from_pretrained("bert-base-uncased")
collate = DataCollatorForLanguageModeling(tok, mlm_probability=0.15)


def step(texts, optimizer):
    batch = collate([tok(t, truncation=True) for t in texts])
    labels = batch.pop("labels")
    logits = model(**batch).logits
    loss = torch.nn.functional.cross_entropy(logits.view(-1, logits.size(-1)), labels.view(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def fill(text):
    enc = tok(text, return_tensors="pt")
    logits = model(**enc).logits[enc["input_ids"] == tok.mask_token_id]
    return logits.softmax(-1).topk(5)
