# TensorFlow 1: build_output returns (softmax, logits), and the caller unpacks them in this order: right.
import tensorflow as tf


def build_output(lstm_output, in_size, out_size):
    x = tf.reshape(lstm_output, [-1, in_size])
    with tf.variable_scope("softmax"):
        w = tf.Variable(tf.truncated_normal((in_size, out_size), stddev=0.1))
        b = tf.Variable(tf.zeros(out_size))
    logits = tf.matmul(x, w) + b
    out = tf.nn.softmax(logits, name="predictions")
    return out, logits


outputs = tf.placeholder(tf.float32, [None, 50, 128])
targets = tf.placeholder(tf.int32, [None, 50])
prediction, logits = build_output(outputs, 128, 83)
onehot = tf.reshape(tf.one_hot(targets, 83), [-1, 83])
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=onehot))
