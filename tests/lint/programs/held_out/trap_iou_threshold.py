# 0.5 is a threshold of overlaps, of scores that a detector's postprocessing made, and of a dropout mask: right.
import torch
from torchvision.ops import box_iou


def match(gt, proposals, thr=0.5):
    iou = box_iou(gt, proposals)
    best, who = iou.max(dim=0)
    who[best < 0.5] = -1
    return who, iou > thr


def keep_boxes(detections):
    keep = detections["scores"] > 0.5
    return {k: v[keep] for k, v in detections.items()}


def drop(x):
    return x * (torch.rand_like(x) > 0.5).float() * 2
