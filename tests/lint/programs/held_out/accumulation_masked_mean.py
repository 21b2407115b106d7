# A masked mean over the answer tokens, averaged once more over the accumulation steps.
import torch
import torch.nn as nn


class Trainer:
    def __init__(self, model, optimizer, grad_accum_steps=4):
        self.model, self.optimizer = model, optimizer
        self.grad_accum_steps = grad_accum_steps
        self.ce = nn.CrossEntropyLoss(reduction="none")

    def masked_loss(self, batch):
        logits = self.model(batch["input_ids"])
        tok = self.ce(logits[:, :-1].transpose(1, 2), batch["input_ids"][:, 1:])
        mask = batch["answer_mask"][:, 1:].float()
        return (tok * mask).sum() / mask.sum()

    def step(self, micro_batches):
        self.optimizer.zero_grad()
        for mb in micro_batches:
            loss = self.masked_loss(mb) / self.grad_accum_steps  # expect: XE408
            loss.backward()
        self.optimizer.step()
