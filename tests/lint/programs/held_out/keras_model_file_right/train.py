# The maker's argument says which output is wanted, and each compile has the loss that fits: right.
import tensorflow as tf

from nets import get_model

a = get_model(43)
a.compile("adam", loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True), metrics=["accuracy"])

b = get_model(43, logits=False)
b.compile("adam", loss="categorical_crossentropy", metrics=["accuracy"])
