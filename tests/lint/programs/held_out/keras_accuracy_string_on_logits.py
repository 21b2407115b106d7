# Keras: "accuracy" becomes binary accuracy at 0.5 for a Dense(1), which puts out logits here.
from tensorflow.keras import Sequential, layers, losses

model = Sequential([
    layers.Embedding(10001, 16),
    layers.Dropout(0.2),
    layers.GlobalAveragePooling1D(),
    layers.Dropout(0.2),
    layers.Dense(1),
])
model.compile(loss=losses.BinaryCrossentropy(from_logits=True), optimizer="adam", metrics=["accuracy"])  # expect: XE601
