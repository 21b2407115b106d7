# Ignored ids that are no classes: <pad> at 0 for tags, 255 for void pixels, -1 for unlabelled samples.
import torch
from torch import nn

TAGS = ["<pad>", "NOUN", "VERB", "ADJ", "ADV"]
tag2id = {t: i for i, t in enumerate(TAGS)}
tag_loss = nn.CrossEntropyLoss(ignore_index=tag2id["<pad>"])

CLASSES = ("road", "building", "sky", "person")
pixel_loss = nn.CrossEntropyLoss(ignore_index=255)
semi_loss = nn.CrossEntropyLoss(ignore_index=-1)


def total(tagger, segmenter, clf, words, tags, image, mask, feats, y):
    y = torch.where(torch.isnan(y), torch.full_like(y, -1), y).long()
    return (
        tag_loss(tagger(words).flatten(0, 1), tags.flatten())
        + pixel_loss(segmenter(image), mask)
        + semi_loss(clf(feats), y)
    )
