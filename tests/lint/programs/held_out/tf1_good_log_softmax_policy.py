# TensorFlow 1: a policy gradient by the sparse loss times the advantage, and softmax only for sampling: right.
import tensorflow as tf

obs = tf.placeholder(tf.float32, [None, 4])
act = tf.placeholder(tf.int32, [None])
adv = tf.placeholder(tf.float32, [None])

hidden = tf.layers.dense(obs, 32, activation=tf.tanh)
logits = tf.layers.dense(hidden, 2, activation=None)
sample = tf.squeeze(tf.multinomial(logits, 1), axis=1)
probs = tf.nn.softmax(logits)
neglogp = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=act, logits=logits)
loss = tf.reduce_mean(neglogp * adv)
entropy = -tf.reduce_mean(tf.reduce_sum(probs * tf.nn.log_softmax(logits), axis=1))
train_op = tf.train.AdamOptimizer(1e-2).minimize(loss - 0.01 * entropy)
