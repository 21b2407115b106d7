# network.inference returns the softmax; train.py feeds it to sparse_softmax_cross_entropy_with_logits.
import tensorflow as tf


def inference(images, n_classes, keep_prob):
    with tf.variable_scope("conv1"):
        net = tf.layers.conv2d(images, 32, 5, padding="same", activation=tf.nn.relu)
        net = tf.layers.max_pooling2d(net, 2, 2)
    with tf.variable_scope("fc"):
        net = tf.layers.flatten(net)
        net = tf.nn.dropout(tf.layers.dense(net, 256, activation=tf.nn.relu), keep_prob)
        logits = tf.layers.dense(net, n_classes)
    return tf.nn.softmax(logits, name="softmax")
