# contrib's fully_connected has ReLU as its default activation, and so the last layer's logits cannot be negative.
import tensorflow as tf
from tensorflow.contrib.layers import fully_connected

n_inputs, n_outputs = 28 * 28, 10

X = tf.placeholder(tf.float32, shape=(None, n_inputs), name="X")
y = tf.placeholder(tf.int64, shape=(None), name="y")

with tf.name_scope("dnn"):
    hidden1 = fully_connected(X, 300, scope="hidden1")
    hidden2 = fully_connected(hidden1, 100, scope="hidden2")
    logits = fully_connected(hidden2, n_outputs, scope="outputs")

with tf.name_scope("loss"):
    xentropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)  # expect: XE106
    loss = tf.reduce_mean(xentropy, name="loss")

training_op = tf.train.GradientDescentOptimizer(0.01).minimize(loss)
