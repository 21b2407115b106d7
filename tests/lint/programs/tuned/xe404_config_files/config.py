# config.py lists five classes and four weights; the loss in train.py takes both.
CLASSES = ["healthy", "rust", "scab", "mildew", "multiple"]
CLASS_WEIGHTS = [1.0, 2.0, 2.0, 4.0]
LR = 3e-4
