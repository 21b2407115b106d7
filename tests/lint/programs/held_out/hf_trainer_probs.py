# Hugging Face Trainer: compute_loss takes a softmax of the logits before a weighted cross-entropy.
import torch
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments


class WeightedTrainer(Trainer):
    def __init__(self, *args, class_weights=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.class_weights = class_weights

    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        probs = torch.nn.functional.softmax(outputs.logits, dim=-1)
        loss_fct = torch.nn.CrossEntropyLoss(weight=self.class_weights.to(probs.device))
        loss = loss_fct(probs.view(-1, self.model.config.num_labels), labels.view(-1))  # expect: XE101
        return (loss, outputs) if return_outputs else loss


def main(train_ds, weights):
    model = AutoModelForSequenceClassification.from_pretrained("distilbert-base-uncased", num_labels=5)
    args = TrainingArguments("out", num_train_epochs=3, per_device_train_batch_size=16)
    WeightedTrainer(model=model, args=args, train_dataset=train_ds, class_weights=weights).train()
