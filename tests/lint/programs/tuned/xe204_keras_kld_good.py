# Keras' KLDivergence takes two distributions, unlike torch's: softmax on both sides is right there.
import tensorflow as tf

kld = tf.keras.losses.KLDivergence()


class Distiller(tf.keras.Model):
    def __init__(self, student, teacher, temperature=3.0):
        super().__init__()
        self.student, self.teacher, self.T = student, teacher, temperature

    def train_step(self, data):
        x, y = data
        t = self.teacher(x, training=False)
        with tf.GradientTape() as tape:
            s = self.student(x, training=True)
            hard = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(y, s, from_logits=True))
            soft = kld(tf.nn.softmax(t / self.T, axis=1), tf.nn.softmax(s / self.T, axis=1)) * self.T**2
            loss = 0.1 * hard + 0.9 * soft
        grads = tape.gradient(loss, self.student.trainable_variables)
        self.optimizer.apply_gradients(zip(grads, self.student.trainable_variables))
        return {"loss": loss}
