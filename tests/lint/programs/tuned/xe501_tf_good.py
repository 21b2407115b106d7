# TF: tf.nn.log_softmax where log-probabilities are wanted, and a log of counts.
import tensorflow as tf


def seq_logprob(logits, ids):
    logp = tf.nn.log_softmax(logits, axis=-1)
    return tf.reduce_sum(tf.gather(logp, ids, batch_dims=2), axis=1)


def unigram_bias(counts):
    p = tf.cast(counts, tf.float32) / tf.reduce_sum(tf.cast(counts, tf.float32))
    return tf.math.log(p)
