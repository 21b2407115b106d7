# Keras: twenty tags of which several can be true, with sigmoids and the binary loss; precision at 0.5: right.
import keras
from keras import layers

text = keras.Input((20000,))
x = layers.Dense(256, activation="relu")(text)
tags = layers.Dense(20, activation="sigmoid", name="tags")(x)
model = keras.Model(text, tags)
model.compile(
    loss=keras.losses.BinaryCrossentropy(label_smoothing=0.01),
    optimizer="adam",
    metrics=[keras.metrics.Precision(thresholds=0.5), keras.metrics.BinaryAccuracy(threshold=0.5)],
)


def tags_of(x, names):
    p = model.predict(x)
    return [[n for n, hit in zip(names, row) if hit] for row in p > 0.5]
