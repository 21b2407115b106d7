# Keras: twenty tags of which several can be true, with sigmoids, but the loss is the one for a single class.
import keras
from keras import layers

vectorizer = layers.TextVectorization(max_tokens=20000, output_mode="multi_hot")
text = keras.Input((1,), dtype="string")
x = vectorizer(text)
x = layers.Dense(256, activation="relu")(x)
tags = layers.Dense(20, activation="sigmoid", name="tags")(x)
model = keras.Model(text, tags)
model.compile(  # expect: XE303
    loss=keras.losses.CategoricalCrossentropy(),
    optimizer="adam",
    metrics=[keras.metrics.Precision(), keras.metrics.Recall()],
)
