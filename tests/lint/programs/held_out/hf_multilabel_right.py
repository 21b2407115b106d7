# Hugging Face: logits to the loss, and sigmoid at 0.5 in compute_metrics for multi-label predictions: right.
import numpy as np
import torch
from sklearn.metrics import f1_score
from torch import nn
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments


def multilabel_loss(outputs, labels, num_items_in_batch=None):
    return nn.functional.binary_cross_entropy_with_logits(outputs.logits, labels.float())


def compute_metrics(eval_pred):
    logits, labels = eval_pred
    probs = torch.sigmoid(torch.from_numpy(logits)).numpy()
    preds = (probs > 0.5).astype(int)
    return {"f1": f1_score(labels, preds, average="micro"), "top": float(np.mean(logits > 0))}


def main(ds, ev, n_labels):
    model = AutoModelForSequenceClassification.from_pretrained("roberta-base", num_labels=n_labels)
    Trainer(model=model, args=TrainingArguments("out"), train_dataset=ds, eval_dataset=ev,
            compute_loss_func=multilabel_loss, compute_metrics=compute_metrics).train()
