# Ten exclusive classes with a softmax head, compiled with binary_crossentropy.
import tensorflow as tf
from tensorflow.keras.datasets import cifar10

(x_train, y_train), (x_test, y_test) = cifar10.load_data()
y_train = tf.keras.utils.to_categorical(y_train, 10)
y_test = tf.keras.utils.to_categorical(y_test, 10)

inputs = tf.keras.Input((32, 32, 3))
x = tf.keras.layers.Rescaling(1 / 255)(inputs)
for f in (32, 64, 128):
    x = tf.keras.layers.Conv2D(f, 3, padding="same", activation="relu")(x)
    x = tf.keras.layers.MaxPool2D()(x)
x = tf.keras.layers.Flatten()(x)
outputs = tf.keras.layers.Dense(10, activation="softmax")(x)
model = tf.keras.Model(inputs, outputs)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])  # expect: XE303
model.fit(x_train, y_train, batch_size=128, epochs=20, validation_data=(x_test, y_test))
