# Hugging Face: compute_loss_func of the new Trainer gets the outputs, and takes a sigmoid before the loss with logits.
import torch
from torch import nn
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments


def multilabel_loss(outputs, labels, num_items_in_batch=None):
    probs = torch.sigmoid(outputs.logits)
    return nn.functional.binary_cross_entropy_with_logits(probs, labels.float())  # expect: XE102


def main(ds, n_labels):
    model = AutoModelForSequenceClassification.from_pretrained("roberta-base", num_labels=n_labels)
    trainer = Trainer(
        model=model,
        args=TrainingArguments("out"),
        train_dataset=ds,
        compute_loss_func=multilabel_loss,
    )
    trainer.train()
