import tensorflow as tf

import network

FLAGS = tf.app.flags.FLAGS
tf.app.flags.DEFINE_float("lr", 1e-4, "learning rate")


def main(_):
    images = tf.placeholder(tf.float32, [None, 32, 32, 3])
    labels = tf.placeholder(tf.int64, [None])
    logits = network.inference(images, 10, keep_prob=0.5)
    xent = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)  # expect: XE104
    loss = tf.reduce_mean(xent)
    train_op = tf.train.AdamOptimizer(FLAGS.lr).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(train_op)


if __name__ == "__main__":
    tf.app.run()
