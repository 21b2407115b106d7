# TensorFlow 1: the loss of the network.
import tensorflow as tf


def loss(logits, labels):
    xent = tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=labels)  # expect: XE104
    return tf.reduce_mean(xent)
