# A Hugging Face style model returns both logits and probs; the Trainer subclass uses the logits for the loss.
import torch
from torch import nn
from transformers import AutoModel


class PairClassifier(nn.Module):
    def __init__(self, name="roberta-base", n_labels=3):
        super().__init__()
        self.encoder = AutoModel.from_pretrained(name)
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(self.encoder.config.hidden_size, n_labels)

    def forward(self, input_ids, attention_mask=None, labels=None):
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state[:, 0]
        scores = self.classifier(self.dropout(hidden))
        return {"probs": torch.softmax(scores, dim=-1), "logits": scores}
