# Keras: a model that is trained from logits; its predictions go through a sigmoid before the cut at 0.5: right.
import tensorflow as tf

net = tf.keras.Sequential([
    tf.keras.layers.Dense(64, activation="relu"),
    tf.keras.layers.Dense(1),
])
net.compile("adam", loss=tf.keras.losses.BinaryCrossentropy(from_logits=True))


def churners(x_train, y_train, x):
    net.fit(x_train, y_train, epochs=5)
    proba = tf.nn.sigmoid(net.predict(x)).numpy()
    return proba[:, 0] > 0.5
