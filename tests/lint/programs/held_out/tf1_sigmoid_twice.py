# TensorFlow 1: a matching score through tf.sigmoid, and sigmoid_cross_entropy of tf.losses after it.
import tensorflow as tf

user = tf.placeholder(tf.int32, [None])
item = tf.placeholder(tf.int32, [None])
click = tf.placeholder(tf.float32, [None, 1])
P = tf.get_variable("P", [10000, 16])
Q = tf.get_variable("Q", [5000, 16])
x = tf.concat([tf.nn.embedding_lookup(P, user), tf.nn.embedding_lookup(Q, item)], axis=1)
x = tf.layers.dense(x, 32, tf.nn.relu)
ctr = tf.sigmoid(tf.layers.dense(x, 1))
loss = tf.losses.sigmoid_cross_entropy(click, ctr)  # expect: XE104
train = tf.train.AdamOptimizer().minimize(loss)
_, auc = tf.metrics.auc(click, ctr)
