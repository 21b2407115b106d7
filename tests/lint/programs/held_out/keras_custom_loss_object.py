# Keras: a translation model's own loss function masks the padding but calls from_logits=True on a softmax head.
import tensorflow as tf

vocab = 8000
src = tf.keras.Input((None,), dtype="int64")
h = tf.keras.layers.Embedding(vocab, 256)(src)
h = tf.keras.layers.LSTM(256, return_sequences=True)(h)
probs = tf.keras.layers.Dense(vocab, activation="softmax")(h)
model = tf.keras.Model(src, probs)

loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")


def step(tokens, targets):
    with tf.GradientTape() as tape:
        pred = model(tokens)
        per_token = loss_object(targets, pred)  # expect: XE105
        mask = tf.cast(targets != 0, per_token.dtype)
        loss = tf.reduce_sum(per_token * mask) / tf.reduce_sum(mask)
    return tape.gradient(loss, model.trainable_variables)
