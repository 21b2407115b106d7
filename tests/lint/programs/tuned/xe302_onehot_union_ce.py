# Several tag ids a document are merged into a multi-hot row and given to F.cross_entropy.
import torch
import torch.nn.functional as F

N_TAGS = 40


class TagHead(torch.nn.Module):
    def __init__(self, d=384):
        super().__init__()
        self.proj = torch.nn.Linear(d, N_TAGS)

    def forward(self, emb, tag_ids):
        # tag_ids: (batch, up to 6 tags each)
        target = F.one_hot(tag_ids, N_TAGS).amax(dim=1).float()
        return F.cross_entropy(self.proj(emb), target)  # expect: XE302
