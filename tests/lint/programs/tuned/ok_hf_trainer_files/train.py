from torch import nn
from transformers import Trainer, TrainingArguments

from modeling import PairClassifier


class CETrainer(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **kwargs):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = nn.CrossEntropyLoss()(outputs["logits"], labels)
        return (loss, outputs) if return_outputs else loss


def main(train_ds, eval_ds):
    args = TrainingArguments("runs/nli", per_device_train_batch_size=16, num_train_epochs=2)
    trainer = CETrainer(model=PairClassifier(), args=args, train_dataset=train_ds, eval_dataset=eval_ds)
    trainer.train()
