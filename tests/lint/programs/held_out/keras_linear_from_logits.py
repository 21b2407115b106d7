# Keras: a linear last layer with from_logits=True, a Softmax only in the wrapper for predictions: right.
import tensorflow as tf
from tensorflow.keras import layers, models

model = models.Sequential()
model.add(layers.Conv2D(32, (3, 3), activation="relu", input_shape=(32, 32, 3)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.Flatten())
model.add(layers.Dense(64, activation="relu"))
model.add(layers.Dense(10))

model.compile(optimizer="adam",
              loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              metrics=["accuracy"])


def run(train_images, train_labels, test_images):
    model.fit(train_images, train_labels, epochs=10)
    probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
    return probability_model.predict(test_images)
