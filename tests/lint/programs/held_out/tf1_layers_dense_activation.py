# tf.layers.dense with activation=tf.nn.softmax in a model_fn, and the sparse loss of tf.losses.
import tensorflow.compat.v1 as tf


def cnn_model_fn(features, labels, mode):
    net = tf.layers.conv2d(features["x"], 32, 5, padding="same", activation=tf.nn.relu)
    net = tf.layers.flatten(tf.layers.max_pooling2d(net, 2, 2))
    net = tf.layers.dense(net, 1024, activation=tf.nn.relu)
    net = tf.layers.dropout(net, 0.4, training=mode == tf.estimator.ModeKeys.TRAIN)
    out = tf.layers.dense(net, 10, activation=tf.nn.softmax)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"classes": tf.argmax(out, 1), "probs": out})
    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=out)  # expect: XE104
    train_op = tf.train.GradientDescentOptimizer(0.001).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)
