# Keras subclass: call returns the Dense(1) as it is, and BinaryCrossentropy() is called with its defaults.
import tensorflow as tf
from tensorflow.keras.layers import Dense
from tensorflow.keras.losses import BinaryCrossentropy


class WideDeep(tf.keras.Model):
    def __init__(self, units=32):
        super().__init__()
        self.deep1 = Dense(units, activation="relu")
        self.deep2 = Dense(units, activation="relu")
        self.out = Dense(1)

    def call(self, inputs):
        x = self.deep2(self.deep1(inputs))
        return self.out(x)


net = WideDeep()
bce = BinaryCrossentropy()


def grads(x, y):
    with tf.GradientTape() as t:
        loss = bce(y, net(x))  # expect: XE203
    return t.gradient(loss, net.trainable_weights)
