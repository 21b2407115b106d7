# Keras: five sigmoid units under categorical_crossentropy.
import tensorflow as tf

model = tf.keras.models.Sequential([
    tf.keras.layers.InputLayer(input_shape=(48, 48, 1)),
    tf.keras.layers.Conv2D(64, 3, activation="elu"),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(128, activation="elu"),
    tf.keras.layers.Dense(5, activation="sigmoid"),
])
model.compile(optimizer="nadam", loss="categorical_crossentropy", metrics=["accuracy"])  # expect: XE303
