# inference() returns a softmax in one file, and loss() calls it logits in another.
import tensorflow as tf

import losses
import network

images = tf.placeholder(tf.float32, [None, 96, 96, 1])
labels = tf.placeholder(tf.int32, [None])
keep_prob = tf.placeholder(tf.float32)

output = network.inference(images, keep_prob)
total_loss = losses.loss(output, labels)
train_op = tf.train.MomentumOptimizer(0.01, 0.9).minimize(total_loss)
