# TF 2 custom loop: the Keras model ends in softmax and tf.nn.softmax_cross_entropy_with_logits is used.
import tensorflow as tf

model = tf.keras.Sequential(
    [
        tf.keras.layers.InputLayer(input_shape=(96,)),
        tf.keras.layers.Dense(64, activation=tf.nn.relu),
        tf.keras.layers.Dense(11, activation=tf.nn.softmax),
    ]
)
optimizer = tf.keras.optimizers.SGD(0.01)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        out = model(x, training=True)
        per_example = tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=out)  # expect: XE104
        loss = tf.reduce_mean(per_example)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights))
    return loss
