# ignore_index=0 is right where id 0 is the padding of the vocabulary and -1 where the data say "no label".
import torch
import torch.nn as nn

SPECIALS = ["<pad>", "<unk>", "<bos>", "<eos>"]
words = ["we", "train", "models"]
stoi = {w: i for i, w in enumerate(SPECIALS + words)}

lm = nn.Sequential(nn.Embedding(len(stoi), 32, padding_idx=0), nn.Linear(32, len(stoi)))
criterion = nn.CrossEntropyLoss(ignore_index=stoi["<pad>"])
tag_criterion = nn.CrossEntropyLoss(ignore_index=-1)
tag_head = nn.Linear(32, 5)


def losses(batch, tags):
    x, y = batch[:, :-1], batch[:, 1:]
    lm_loss = criterion(lm(x).transpose(1, 2), y)
    h = lm[0](x)
    return lm_loss + tag_criterion(tag_head(h).flatten(0, 1), tags.flatten())
