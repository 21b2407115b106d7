# Hand-written categorical loss on a Keras softmax in TF 2 with an epsilon inside the log.
import tensorflow as tf

EPS = 1e-7
dense = tf.keras.layers.Dense(20)


@tf.function
def step(opt, x, y_onehot):
    with tf.GradientTape() as tape:
        p = tf.nn.softmax(dense(x), axis=-1)
        loss = -tf.reduce_mean(tf.reduce_sum(y_onehot * tf.math.log(p + EPS), axis=-1))  # expect: XE504
    grads = tape.gradient(loss, dense.trainable_variables)
    opt.apply_gradients(zip(grads, dense.trainable_variables))
    return loss
