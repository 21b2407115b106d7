# A set criterion in DETR's manner: softmax for the matching cost, logits with class weights for the loss: right.
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import nn


class Matcher(nn.Module):
    @torch.no_grad()
    def forward(self, outputs, targets):
        prob = outputs["pred_logits"].flatten(0, 1).softmax(-1)
        boxes = outputs["pred_boxes"].flatten(0, 1)
        ids = torch.cat([t["labels"] for t in targets])
        cost = -prob[:, ids] + 5 * torch.cdist(boxes, torch.cat([t["boxes"] for t in targets]), p=1)
        return linear_sum_assignment(cost.cpu())


class SetCriterion(nn.Module):
    def __init__(self, num_classes, matcher, eos_coef=0.1):
        super().__init__()
        self.num_classes, self.matcher = num_classes, matcher
        weight = torch.ones(num_classes + 1)
        weight[-1] = eos_coef
        self.register_buffer("empty_weight", weight)

    def loss_labels(self, outputs, target_classes):
        logits = outputs["pred_logits"]
        return F.cross_entropy(logits.transpose(1, 2), target_classes, self.empty_weight)

    def forward(self, outputs, targets):
        rows, cols = self.matcher(outputs, targets)
        shape = outputs["pred_logits"].shape[:2]
        target_classes = torch.full(shape, self.num_classes, dtype=torch.int64)
        target_classes.view(-1)[rows] = torch.cat([t["labels"] for t in targets])[cols]
        return {"loss_ce": self.loss_labels(outputs, target_classes)}


class Head(nn.Module):
    def __init__(self, d=256, k=91):
        super().__init__()
        self.cls, self.box = nn.Linear(d, k + 1), nn.Linear(d, 4)

    def forward(self, h):
        return {"pred_logits": self.cls(h), "pred_boxes": self.box(h).sigmoid()}
