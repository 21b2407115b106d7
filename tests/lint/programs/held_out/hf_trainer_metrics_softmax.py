# Hugging Face Trainer: the loss takes logits; softmax shows only in compute_metrics, in NumPy, with the maximum off.
import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments


class WeightedTrainer(Trainer):
    def __init__(self, *args, class_weights=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.class_weights = class_weights

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss_fct = torch.nn.CrossEntropyLoss(weight=self.class_weights.to(outputs.logits.device))
        loss = loss_fct(outputs.logits, labels)
        return (loss, outputs) if return_outputs else loss


def compute_metrics(p):
    z = p.predictions - p.predictions.max(axis=-1, keepdims=True)
    e = np.exp(z)
    probs = e / e.sum(axis=-1, keepdims=True)
    return {"auc": roc_auc_score(p.label_ids, probs, multi_class="ovr")}


def main(train_ds, eval_ds, weights):
    model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased", num_labels=5)
    args = TrainingArguments("out", num_train_epochs=3)
    WeightedTrainer(model=model, args=args, train_dataset=train_ds, eval_dataset=eval_ds,
                    compute_metrics=compute_metrics, class_weights=weights).train()
