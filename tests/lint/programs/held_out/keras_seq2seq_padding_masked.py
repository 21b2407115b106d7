# TensorFlow 2: targets padded with 0 by pad_sequences, with the padded places masked out of the mean: right.
import tensorflow as tf
from tensorflow.keras.preprocessing.sequence import pad_sequences

PAD = 0
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")


def train_step(model, optimizer, src, tgt_lists):
    tgt = tf.constant(pad_sequences(tgt_lists, padding="post", value=PAD))
    with tf.GradientTape() as tape:
        logits = model([src, tgt[:, :-1]])
        real = tgt[:, 1:]
        mask = tf.cast(tf.not_equal(real, PAD), tf.float32)
        loss = tf.reduce_sum(loss_fn(real, logits) * mask) / tf.reduce_sum(mask)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
