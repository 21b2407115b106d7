# Keras: a segmentation net whose last convolution has no activation, under the string loss.
from tensorflow import keras
from tensorflow.keras import layers


def get_model(img_size, num_classes):
    inputs = keras.Input(shape=img_size + (3,))
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    outputs = layers.Conv2D(num_classes, 1, padding="same")(x)
    return keras.Model(inputs, outputs)


model = get_model((160, 160), 4)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])  # expect: XE203
