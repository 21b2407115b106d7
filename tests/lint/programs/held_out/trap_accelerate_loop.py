# An accelerate loop over a Hugging Face model: softmax for the entropy that is logged, the model's own loss: right.
import torch
from accelerate import Accelerator
from transformers import AutoModelForTokenClassification

accelerator = Accelerator(gradient_accumulation_steps=2)


def main(loader):
    model = AutoModelForTokenClassification.from_pretrained("bert-base-cased", num_labels=9)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for batch in loader:
        with accelerator.accumulate(model):
            out = model(**batch)
            p = out.logits.detach().softmax(-1)
            top = p.max(-1).values
            accelerator.backward(out.loss)
            optimizer.step()
            optimizer.zero_grad()
        accelerator.print(out.loss.item(), top.mean().item())
