# TensorFlow 1: one output unit with the softmax loss; the softmax of one number is 1 and the loss is 0.
import tensorflow as tf

features = tf.placeholder(tf.float32, [None, 30])
target = tf.placeholder(tf.float32, [None, 1])

h = tf.layers.dense(features, 64, activation=tf.nn.tanh)
score = tf.layers.dense(h, 1)
cost = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=score, labels=target))  # expect: XE301
train_op = tf.train.AdamOptimizer(1e-3).minimize(cost)

proba = tf.nn.sigmoid(score)
hits = tf.cast(tf.equal(tf.round(proba), target), tf.float32)
acc = tf.reduce_mean(hits)
