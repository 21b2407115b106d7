# Keras 3 functional: softmax head with from_logits=False written out, and CategoricalFocalCrossentropy on it.
import keras
from keras import layers

inp = keras.Input((128, 128, 1))
x = layers.Conv2D(16, 3, strides=2, activation="swish")(inp)
x = layers.Conv2D(32, 3, strides=2, activation="swish")(x)
x = layers.GlobalMaxPooling2D()(x)
out = layers.Dense(8, activation="softmax")(x)
net = keras.Model(inp, out)
net.compile("sgd", loss=keras.losses.CategoricalCrossentropy(from_logits=False, label_smoothing=0.05))

twin = keras.models.clone_model(net)
twin.compile("sgd", loss=keras.losses.CategoricalFocalCrossentropy(gamma=2.0))
