import tensorflow as tf

import network


def main(_):
    images = tf.placeholder(tf.float32, [None, 32, 32, 3])
    labels = tf.placeholder(tf.int64, [None])
    probs, logits = network.inference(images, 10, keep_prob=0.5)
    xent = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    loss = tf.reduce_mean(xent)
    tf.summary.histogram("confidence", tf.reduce_max(probs, axis=1))
    train_op = tf.train.AdamOptimizer(1e-4).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(train_op)


if __name__ == "__main__":
    tf.app.run()
