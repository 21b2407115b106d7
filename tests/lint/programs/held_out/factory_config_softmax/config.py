# Settings of the run.
CFG = {
    "hidden": 256,
    "num_classes": 12,
    "out_activation": "softmax",
    "lr": 3e-4,
}
