# Keras: a network is cut before its softmax layer, and another's activation is set to linear: right.
import tensorflow as tf
from tensorflow.keras import Model, activations, layers

full = tf.keras.Sequential([
    layers.Input((32,)),
    layers.Dense(64, activation="relu"),
    layers.Dense(10, name="scores"),
    layers.Softmax(),
])
scores = Model(full.inputs, full.get_layer("scores").output)
scores.compile("adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))

vgg = tf.keras.applications.VGG16(weights="imagenet")
vgg.layers[-1].activation = activations.linear
