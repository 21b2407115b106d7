# Keras 3 with a subclassed model: call returns a linear Dense, compile uses CategoricalCrossentropy() on probabilities.
import keras
from keras import layers


class Genre(keras.Model):
    def __init__(self, n=16):
        super().__init__()
        self.conv = layers.Conv1D(64, 5, activation="relu")
        self.pool = layers.GlobalAveragePooling1D()
        self.head = layers.Dense(n)

    def call(self, x):
        return self.head(self.pool(self.conv(x)))


genre = Genre()
genre.compile(optimizer="adam", loss=keras.losses.CategoricalCrossentropy())  # expect: XE203
