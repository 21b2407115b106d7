# Keras: an Activation("sigmoid") layer ends the functional graph, and the loss is the plain string: right.
import keras
from keras import layers

inputs = keras.Input(shape=(128, 128, 3))
x = layers.Rescaling(1.0 / 255)(inputs)
for filters in (16, 32, 64):
    x = layers.SeparableConv2D(filters, 3, padding="same", activation="relu")(x)
    x = layers.MaxPooling2D(2)(x)
x = layers.GlobalAveragePooling2D()(x)
x = layers.Dense(1)(x)
outputs = layers.Activation("sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
