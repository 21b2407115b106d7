# Keras with label smoothing and no class_weight; and class_weight with a plain loss in a second model.
import tensorflow as tf


def mlp(n=4):
    return tf.keras.Sequential(
        [tf.keras.layers.Input((50,)), tf.keras.layers.Dense(64, "relu"), tf.keras.layers.Dense(n, "softmax")]
    )


def run(x, y_onehot):
    smooth = mlp()
    smooth.compile("adam", tf.keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    smooth.fit(x, y_onehot)

    weighted = mlp()
    weighted.compile("adam", tf.keras.losses.CategoricalCrossentropy())
    weighted.fit(x, y_onehot, class_weight={0: 1.0, 1: 1.0, 2: 30.0, 3: 5.0})
