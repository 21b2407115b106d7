# TensorFlow 2: the subclassed model ends with a sigmoid, and the tape has the loss with logits.
import tensorflow as tf


class Discriminator(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.conv = tf.keras.layers.Conv2D(64, 5, strides=2, padding="same")
        self.flat = tf.keras.layers.Flatten()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, x):
        x = tf.nn.leaky_relu(self.conv(x))
        return tf.sigmoid(self.dense(self.flat(x)))


disc = Discriminator()
opt = tf.keras.optimizers.Adam(1e-4)


@tf.function
def train_disc(real, fake):
    with tf.GradientTape() as tape:
        r, f = disc(real), disc(fake)
        lr = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.ones_like(r), logits=r)  # expect: XE104
        lf = tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.zeros_like(f), logits=f)  # expect: XE104
        loss = tf.reduce_mean(lr) + tf.reduce_mean(lf)
    grads = tape.gradient(loss, disc.trainable_variables)
    opt.apply_gradients(zip(grads, disc.trainable_variables))
    return loss
