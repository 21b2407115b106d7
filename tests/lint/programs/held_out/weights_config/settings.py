# Settings: three weights, one for each of the classes there were at first.
CLASS_WEIGHTS = [0.4, 1.0, 2.2]
NUM_CLASSES = 5
