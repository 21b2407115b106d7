# The loss object of the project.
import tensorflow as tf

LOSS = tf.keras.losses.SparseCategoricalCrossentropy()
