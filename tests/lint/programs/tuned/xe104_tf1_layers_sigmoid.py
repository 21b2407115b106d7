# TensorFlow 1 layers: the last dense layer has activation=tf.nn.sigmoid and meets sigmoid_cross_entropy_with_logits.
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()


def autoencoder_head(features, n_tags):
    net = tf.layers.dense(features, 256, activation=tf.nn.relu)
    net = tf.layers.dropout(net, rate=0.3)
    return tf.layers.dense(net, n_tags, activation=tf.nn.sigmoid)


def model_fn(features, labels, mode, params):
    tags = autoencoder_head(features["x"], params["n_tags"])
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"p": tags})
    xent = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=tags)  # expect: XE104
    loss = tf.reduce_mean(tf.reduce_sum(xent, axis=1))
    opt = tf.train.AdagradOptimizer(params["lr"])
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=opt.minimize(loss, tf.train.get_global_step()))
