# TF 1 losses on dense logits; tf.nn.sigmoid only inside an LSTM gate written by hand.
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

x = tf.placeholder(tf.float32, (None, 20, 8))
tags = tf.placeholder(tf.float32, (None, 5))


def cell(inp, state):
    z = tf.layers.dense(tf.concat([inp, state], -1), 32, name="gates", reuse=tf.AUTO_REUSE)
    gate, cand = tf.split(z, 2, axis=-1)
    gate = tf.nn.sigmoid(gate)
    return gate * state + (1 - gate) * tf.tanh(cand)


state = tf.zeros((tf.shape(x)[0], 16))
for t in range(20):
    state = cell(x[:, t], state)
logits = tf.layers.dense(state, 5, name="out")
loss = tf.losses.sigmoid_cross_entropy(tags, logits)
probs = tf.nn.sigmoid(logits, name="probs")
train_op = tf.train.RMSPropOptimizer(1e-3).minimize(loss)
hamming = tf.reduce_mean(tf.cast(tf.equal(probs > 0.5, tags > 0.5), tf.float32))
