# TensorFlow 1 convolutional net: logits to the loss, tf.nn.softmax beside it for the predictions.
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 28, 28, 1], name="x")
y_ = tf.placeholder(tf.float32, [None, 10], name="labels")
keep = tf.placeholder(tf.float32)


def weight(shape):
    return tf.Variable(tf.truncated_normal(shape, stddev=0.1))


conv = tf.nn.relu(tf.nn.conv2d(x, weight([5, 5, 1, 32]), strides=[1, 2, 2, 1], padding="SAME"))
flat = tf.reshape(conv, [-1, 14 * 14 * 32])
fc1 = tf.nn.dropout(tf.nn.relu(tf.matmul(flat, weight([14 * 14 * 32, 512]))), keep)
logits = tf.matmul(fc1, weight([512, 10])) + tf.Variable(tf.constant(0.1, shape=[10]))
y = tf.nn.softmax(logits, name="predictions")

loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y_, logits=logits))
train_op = tf.train.AdamOptimizer(1e-4).minimize(loss)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(y, 1), tf.argmax(y_, 1)), tf.float32))
tf.summary.scalar("loss", loss)
