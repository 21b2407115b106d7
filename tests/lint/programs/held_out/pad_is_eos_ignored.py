# The pad token is set to the end-of-text token, so ignoring it takes the real end of text out of the loss as well.
import torch
from torch import nn
from transformers import GPT2LMHeadModel, GPT2TokenizerFast

tok = GPT2TokenizerFast.from_pretrained("gpt2")
tok.pad_token = tok.eos_token
model = GPT2LMHeadModel.from_pretrained("gpt2")
loss_fct = nn.CrossEntropyLoss(ignore_index=tok.pad_token_id)


def finetune(chats, optimizer):
    for chat in chats:
        enc = tok([c + tok.eos_token for c in chat], padding=True, return_tensors="pt")
        logits = model(**enc).logits
        loss = loss_fct(logits[:, :-1].transpose(1, 2), enc["input_ids"][:, 1:])  # expect: XE402
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
