# Keras: a linear Dense with mse, mae, Huber and Poisson losses has nothing to do with from_logits: right.
import tensorflow as tf

price = tf.keras.Sequential([tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(1)])
price.compile("adam", loss="mse", metrics=["mae"])
robust = tf.keras.Sequential([tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(3)])
robust.compile("adam", loss=tf.keras.losses.Huber())
counts = tf.keras.Sequential([tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(1, activation="exponential")])
counts.compile("adam", loss=tf.keras.losses.Poisson())
svm = tf.keras.Sequential([tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(1)])
svm.compile("adam", loss="hinge")
