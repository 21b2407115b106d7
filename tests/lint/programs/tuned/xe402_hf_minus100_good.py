# Token classification: -100 on special tokens and sub-words, which CrossEntropyLoss ignores by default.
import torch
from torch import nn
from transformers import AutoModel, AutoTokenizer

LABELS = ["O", "B-DRUG", "I-DRUG"]
tok = AutoTokenizer.from_pretrained("bert-base-cased")


def align(words, tags):
    enc = tok(words, is_split_into_words=True, truncation=True)
    labels, prev = [], None
    for w in enc.word_ids():
        labels.append(-100 if w is None or w == prev else LABELS.index(tags[w]))
        prev = w
    enc["labels"] = labels
    return enc


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.bert = AutoModel.from_pretrained("bert-base-cased")
        self.out = nn.Linear(768, len(LABELS))
        self.loss = nn.CrossEntropyLoss()

    def forward(self, input_ids, attention_mask, labels):
        h = self.bert(input_ids, attention_mask=attention_mask).last_hidden_state
        return self.loss(self.out(h).view(-1, len(LABELS)), labels.view(-1))
