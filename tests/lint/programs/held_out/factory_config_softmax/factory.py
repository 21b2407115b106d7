# Makes the model that the settings ask for.
import torch.nn as nn


def get_activation(name):
    if name == "softmax":
        return nn.Softmax(dim=-1)
    if name == "sigmoid":
        return nn.Sigmoid()
    return nn.Identity()


def build_model(cfg):
    return nn.Sequential(
        nn.Linear(64, cfg["hidden"]),
        nn.ReLU(),
        nn.Linear(cfg["hidden"], cfg["num_classes"]),
        get_activation(cfg["out_activation"]),
    )
