# network.inference returns (softmax, logits); train.py takes the second for the loss and the first for the summary.
import tensorflow as tf


def inference(images, n_classes, keep_prob):
    with tf.variable_scope("fc"):
        net = tf.layers.flatten(images)
        net = tf.nn.dropout(tf.layers.dense(net, 256, activation=tf.nn.relu), keep_prob)
        logits = tf.layers.dense(net, n_classes)
    return tf.nn.softmax(logits, name="softmax"), logits
