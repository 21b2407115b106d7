# TensorFlow: the network comes from a hub or a saved file, so what it puts out is not known: silent.
import tensorflow as tf
import tensorflow_hub as hub

m = tf.keras.Sequential([hub.KerasLayer("https://tfhub.dev/google/imagenet/resnet_50/classification/5")])
m.compile("adam", loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))

saved = tf.keras.models.load_model("model.keras")
saved.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
