# Functional Keras graph with a sigmoid unit; BinaryCrossentropy(from_logits=True) is called in a custom train step.
import keras
from keras import layers, ops

inputs = keras.Input(shape=(30,))
h = layers.Dense(64, activation="gelu")(inputs)
h = layers.Dense(64, activation="gelu")(h)
outputs = layers.Dense(1)(h)
outputs = layers.Activation("sigmoid")(outputs)
net = keras.Model(inputs, outputs, name="fraud")

bce = keras.losses.BinaryCrossentropy(from_logits=True)


def validation_loss(batches):
    total = 0.0
    for x, y in batches:
        total += float(bce(y, net(x, training=False)))  # expect: XE105
    return total / len(batches)


net.compile("adam", loss=bce)  # expect: XE105
net.fit(ops.ones((8, 30)), ops.ones((8, 1)))
