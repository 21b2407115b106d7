# Keras: tf.keras.losses.binary_crossentropy as a function with from_logits=True on a sigmoid output, and without.
import tensorflow as tf

inp = tf.keras.Input((256,))
h = tf.keras.layers.Dense(64, activation="relu")(inp)
out = tf.keras.layers.Dense(1, activation="sigmoid")(h)
critic = tf.keras.Model(inp, out)


def d_loss(real, fake):
    r, f = critic(real), critic(fake)
    a = tf.keras.losses.binary_crossentropy(tf.ones_like(r), r, from_logits=True)  # expect: XE105
    b = tf.keras.losses.binary_crossentropy(tf.zeros_like(f), f)
    return tf.reduce_mean(a) + tf.reduce_mean(b)
