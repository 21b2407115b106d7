# A subclassed Keras model whose call gives logits; train_step uses from_logits=True, predict_step adds the sigmoid.
import tensorflow as tf


class Scorer(tf.keras.Model):
    def __init__(self, units=64):
        super().__init__()
        self.d1 = tf.keras.layers.Dense(units, activation="relu")
        self.d2 = tf.keras.layers.Dense(1)

    def call(self, inputs, training=None):
        return self.d2(self.d1(inputs))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = tf.reduce_mean(tf.keras.losses.binary_crossentropy(y, y_pred, from_logits=True))
        grads = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.trainable_variables))
        return {"loss": loss}

    def predict_step(self, data):
        return tf.sigmoid(self(data, training=False))


scorer = Scorer()
scorer.compile(optimizer="adam")
