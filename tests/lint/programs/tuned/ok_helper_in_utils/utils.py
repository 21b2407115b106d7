# The helper called postprocess only crops; softmax lives in another helper that is used after the loss.
import torch


def postprocess(outputs, n_valid=3):
    return outputs[:, :n_valid]


def confidences(outputs):
    return torch.nn.functional.softmax(outputs, dim=-1).amax(dim=-1)
