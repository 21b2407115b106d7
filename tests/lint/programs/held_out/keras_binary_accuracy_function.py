# TensorFlow 2: tf.keras.metrics.binary_accuracy is called on the logits with its default threshold of 0.5.
import tensorflow as tf

net = tf.keras.Sequential([tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(1)])
bce = tf.keras.losses.BinaryCrossentropy(from_logits=True)


def evaluate(x, y):
    logits = net(x)
    loss = bce(y, logits)
    acc = tf.keras.metrics.binary_accuracy(y, logits)  # expect: XE601
    right = tf.keras.metrics.binary_accuracy(y, tf.sigmoid(logits))
    also = tf.keras.metrics.binary_accuracy(y, logits, threshold=0.0)
    return loss, tf.reduce_mean(acc), tf.reduce_mean(right), tf.reduce_mean(also)
