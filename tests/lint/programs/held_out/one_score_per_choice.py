# Multiple choice: one score for each of the choices, viewed as a row of num_choices before cross-entropy: right.
import torch
from torch import nn
from transformers import RobertaModel, RobertaPreTrainedModel


class RobertaForChoice(RobertaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.roberta = RobertaModel(config)
        self.classifier = nn.Linear(config.hidden_size, 1)

    def forward(self, input_ids, attention_mask, labels=None):
        num_choices = input_ids.shape[1]
        flat = input_ids.view(-1, input_ids.size(-1))
        pooled = self.roberta(flat, attention_mask=attention_mask.view(-1, attention_mask.size(-1)))[1]
        logits = self.classifier(pooled)
        reshaped_logits = logits.view(-1, num_choices)
        loss = None
        if labels is not None:
            loss = nn.CrossEntropyLoss()(reshaped_logits, labels)
        return loss, reshaped_logits
