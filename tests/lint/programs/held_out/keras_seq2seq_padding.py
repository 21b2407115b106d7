# TensorFlow 2: targets padded with 0 by pad_sequences, and the mean over all places, padded or not.
import tensorflow as tf
from tensorflow.keras.preprocessing.sequence import pad_sequences

PAD = 0
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def train_step(model, optimizer, src, tgt_lists):
    tgt = tf.constant(pad_sequences(tgt_lists, padding="post", value=PAD))
    with tf.GradientTape() as tape:
        logits = model([src, tgt[:, :-1]])
        loss = loss_fn(tgt[:, 1:], logits)  # expect: XE401
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables))
