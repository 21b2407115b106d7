# Keras: BinaryAccuracy(threshold=0.0) on logits; accuracy over several logits is an argmax and needs no threshold.
import tensorflow as tf

inputs = tf.keras.Input((160, 160, 3))
x = tf.keras.layers.Conv2D(16, 3, activation="relu")(inputs)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
binary = tf.keras.Model(inputs, tf.keras.layers.Dense(1)(x))
binary.compile(
    optimizer="adam",
    loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[tf.keras.metrics.BinaryAccuracy(threshold=0.0), tf.keras.metrics.AUC(from_logits=True)],
)

multi = tf.keras.Model(inputs, tf.keras.layers.Dense(4)(x))
multi.compile(
    optimizer="adam",
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
