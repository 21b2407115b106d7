import tensorflow as tf

from builder import build_model

train = tf.keras.utils.image_dataset_from_directory("pets/train", image_size=(224, 224))
model = build_model(37, probabilities=True)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(train, epochs=5)
