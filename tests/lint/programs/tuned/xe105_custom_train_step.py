# A subclassed Keras model ends in a sigmoid; its own train_step calls binary_crossentropy(..., from_logits=True).
import tensorflow as tf


class Scorer(tf.keras.Model):
    def __init__(self, units=64):
        super().__init__()
        self.d1 = tf.keras.layers.Dense(units, activation="relu")
        self.d2 = tf.keras.layers.Dense(1, activation="sigmoid")

    def call(self, inputs, training=None):
        return self.d2(self.d1(inputs))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = tf.reduce_mean(
                tf.keras.losses.binary_crossentropy(y, y_pred, from_logits=True)  # expect: XE105
            )
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}


scorer = Scorer()
scorer.compile(optimizer="adam")
