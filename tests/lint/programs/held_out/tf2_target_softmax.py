# TensorFlow 2: the labels of the data set get a softmax before the loss that takes a distribution.
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.layers.Dense(64, activation="relu"), tf.keras.layers.Dense(8)])
opt = tf.keras.optimizers.Adam()


def train(dataset):
    for x, y in dataset:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            y = tf.one_hot(y, 8)
            ce = tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(y), logits=logits)  # expect: XE304
            loss = tf.reduce_mean(ce)
        g = tape.gradient(loss, model.trainable_variables)
        opt.apply_gradients(zip(g, model.trainable_variables))
