# Hugging Face multi-label fine-tuning: compute_metrics thresholds the model's logits at 0.5.
import numpy as np
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

name = "distilbert-base-uncased"
tok = AutoTokenizer.from_pretrained(name)
model = AutoModelForSequenceClassification.from_pretrained(
    name, num_labels=28, problem_type="multi_label_classification"
)


def compute_metrics(eval_pred):
    logits, labels = eval_pred
    preds = (logits > 0.5).astype(np.int64)  # expect: XE308
    return {"f1": f1_score(labels, preds, average="micro")}


def run(train_ds, eval_ds):
    args = TrainingArguments("out", learning_rate=2e-5, num_train_epochs=3, eval_strategy="epoch")
    trainer = Trainer(model, args, train_dataset=train_ds, eval_dataset=eval_ds, compute_metrics=compute_metrics)
    trainer.train()
