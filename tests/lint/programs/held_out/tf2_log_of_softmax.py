# TensorFlow: the textbook cross-entropy -sum(y log(softmax)), and log(1 - sigmoid) in a GAN's loss.
import tensorflow as tf


def textbook_loss(logits, y):
    p = tf.nn.softmax(logits)
    return -tf.reduce_mean(tf.reduce_sum(y * tf.math.log(p), axis=1))  # expect: XE501


def gan_loss(d_real, d_fake):
    real = tf.math.log_sigmoid(d_real)
    fake = tf.math.log(1.0 - tf.sigmoid(d_fake))  # expect: XE503
    return -tf.reduce_mean(real + fake)


def stable(logits, y):
    return -tf.reduce_mean(tf.reduce_sum(y * tf.nn.log_softmax(logits), axis=1))
