# Keras: sigmoid with binary, softmax with categorical, Activation("softmax") after a linear Dense: all right.
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Activation, Dense

multi_label = Sequential([Dense(64, activation="relu"), Dense(12, activation="sigmoid")])
multi_label.compile("adam", loss="binary_crossentropy", metrics=["binary_accuracy"])

multi_class = Sequential([Dense(64, activation="relu"), Dense(12), Activation("softmax")])
multi_class.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])

by_object = Sequential([Dense(64, activation="relu"), Dense(12, activation=tf.nn.softmax)])
by_object.compile("sgd", loss=tf.keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])

explicit = Sequential([Dense(64), Activation("relu"), Dense(1, activation=tf.keras.activations.sigmoid)])
explicit.compile("sgd", loss=tf.keras.losses.BinaryCrossentropy(from_logits=False))
