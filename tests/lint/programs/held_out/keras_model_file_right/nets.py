# Keras networks by name.
from tensorflow import keras
from tensorflow.keras import layers


def get_model(num_classes, logits=True):
    inp = keras.Input((64, 64, 3))
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(inp)
    x = layers.GlobalAveragePooling2D()(x)
    out = layers.Dense(num_classes, activation=None if logits else "softmax")(x)
    return keras.Model(inp, out)
