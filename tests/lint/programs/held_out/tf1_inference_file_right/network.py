# TensorFlow 1: the graph of the network.
import tensorflow as tf


def inference(images, keep_prob):
    net = tf.layers.conv2d(images, 64, 3, activation=tf.nn.relu)
    net = tf.layers.flatten(net)
    net = tf.nn.dropout(net, keep_prob)
    logits = tf.layers.dense(net, 2)
    return logits, tf.nn.softmax(logits)
