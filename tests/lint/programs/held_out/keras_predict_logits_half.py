# Keras: a model that is trained from logits is asked for predictions, and these are cut at 0.5.
import tensorflow as tf

net = tf.keras.Sequential([
    tf.keras.layers.Dense(64, activation="relu"),
    tf.keras.layers.Dense(1),
])
net.compile("adam", loss=tf.keras.losses.BinaryCrossentropy(from_logits=True))


def churners(x_train, y_train, x):
    net.fit(x_train, y_train, epochs=5)
    scores = net.predict(x)
    return scores[:, 0] > 0.5  # expect: XE308
