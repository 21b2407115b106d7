# TensorFlow 2: .numpy() of the prediction inside the tape leaves nothing to differentiate.
import tensorflow as tf

net = tf.keras.Sequential([tf.keras.layers.Dense(32, activation="relu"), tf.keras.layers.Dense(4)])
loss_fn = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
opt = tf.keras.optimizers.SGD(0.1)


def step(x, y):
    with tf.GradientTape() as tape:
        pred = net(x).numpy()
        loss = loss_fn(y, pred)  # expect: XE306
    grads = tape.gradient(loss, net.trainable_variables)
    opt.apply_gradients(zip(grads, net.trainable_variables))
