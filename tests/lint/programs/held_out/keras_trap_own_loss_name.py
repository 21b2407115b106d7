# Keras: a loss of one's own with a well-known name takes the softmax itself: right.
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense


def categorical_crossentropy(y_true, y_pred):
    log_p = tf.nn.log_softmax(y_pred, axis=-1)
    return -tf.reduce_sum(y_true * log_p, axis=-1)


model = Sequential([Dense(32, activation="relu"), Dense(7)])
model.compile(optimizer="adam", loss=categorical_crossentropy, metrics=["categorical_accuracy"])
