# A linear unit under from_logits=True with the metric string "binary_accuracy", whose threshold is 0.5.
from keras import Sequential, layers, losses

model = Sequential([layers.Input((40,)), layers.Dense(20, activation="relu"), layers.Dense(1)])
model.compile(  # expect: XE601
    optimizer="adam",
    loss=losses.BinaryCrossentropy(from_logits=True),
    metrics=["binary_accuracy"],
)
