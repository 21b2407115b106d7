# tf.compat.v1.losses.softmax_cross_entropy is given a softmax output of a dense layer.
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

features = tf.placeholder(tf.float32, (None, 64))
onehot = tf.placeholder(tf.float32, (None, 5))
hidden = tf.layers.dense(features, 32, tf.nn.relu)
prediction = tf.layers.dense(hidden, 5)
prediction = tf.nn.softmax(prediction)
loss = tf.losses.softmax_cross_entropy(onehot_labels=onehot, logits=prediction)  # expect: XE104
train_op = tf.train.MomentumOptimizer(0.01, 0.9).minimize(loss)
