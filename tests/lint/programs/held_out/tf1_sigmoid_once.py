# TensorFlow 1: the logit to the loss, and its sigmoid to log_loss and the AUC, which want probabilities: right.
import tensorflow as tf

feats = tf.placeholder(tf.float32, [None, 32])
click = tf.placeholder(tf.float32, [None, 1])
x = tf.layers.dense(feats, 32, tf.nn.relu)
logit = tf.layers.dense(x, 1)
ctr = tf.sigmoid(logit)
loss = tf.losses.sigmoid_cross_entropy(click, logit)
also = tf.losses.log_loss(click, ctr)
weighted = tf.nn.weighted_cross_entropy_with_logits(targets=click, logits=logit, pos_weight=4.0)
train = tf.train.AdamOptimizer().minimize(loss)
_, auc = tf.metrics.auc(click, ctr)
