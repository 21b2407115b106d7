# Keras: a Lambda divides the scores by a temperature before the softmax layer, once: right.
import tensorflow as tf
from tensorflow.keras import layers

T = 2.5
inp = layers.Input((100,))
z = layers.Dense(20)(layers.Dense(50, activation="relu")(inp))
z = layers.Lambda(lambda t: t / T)(z)
p = layers.Softmax()(z)
model = tf.keras.Model(inp, p)
model.compile("adam", loss=tf.keras.losses.CategoricalCrossentropy())
