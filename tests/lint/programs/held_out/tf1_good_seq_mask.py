# TensorFlow 1: a language model with sequence_loss and a sequence_mask, and perplexity as exp of the mean: right.
import tensorflow as tf

tokens = tf.placeholder(tf.int32, [None, None])
lengths = tf.placeholder(tf.int32, [None])
emb = tf.get_variable("emb", [10000, 128])
x = tf.nn.embedding_lookup(emb, tokens[:, :-1])
cell = tf.nn.rnn_cell.LSTMCell(256)
h, _ = tf.nn.dynamic_rnn(cell, x, sequence_length=lengths - 1, dtype=tf.float32)
logits = tf.layers.dense(h, 10000)
mask = tf.sequence_mask(lengths - 1, dtype=tf.float32)
loss = tf.contrib.seq2seq.sequence_loss(logits, tokens[:, 1:], mask)
perplexity = tf.exp(loss)
probs = tf.nn.softmax(logits / 0.8)
train_op = tf.train.AdamOptimizer().minimize(loss)
