# Softmax with categorical, sigmoid with binary cross-entropy: two heads of one Keras model, each with its own loss.
import keras
from keras import layers

trunk_in = keras.Input((224, 224, 3), name="image")
trunk = keras.applications.EfficientNetV2B0(include_top=False, pooling="avg")(trunk_in)
species = layers.Dense(37, activation="softmax", name="species")(trunk)
traits = layers.Dense(12, activation="sigmoid", name="traits")(trunk)
model = keras.Model(trunk_in, [species, traits])
model.compile(
    optimizer="adam",
    loss={"species": "categorical_crossentropy", "traits": "binary_crossentropy"},
    metrics={"species": "categorical_accuracy", "traits": "binary_accuracy"},
)
