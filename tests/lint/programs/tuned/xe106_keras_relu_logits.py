# Keras: Dense(5, activation="relu") as the head while the loss treats its output as logits.
import tensorflow as tf

base = tf.keras.applications.MobileNetV2(input_shape=(160, 160, 3), include_top=False, weights="imagenet")
base.trainable = False

model = tf.keras.Sequential()
model.add(base)
model.add(tf.keras.layers.GlobalAveragePooling2D())
model.add(tf.keras.layers.Dense(5, activation="relu"))
model.compile(  # expect: XE106
    optimizer=tf.keras.optimizers.Adam(1e-4),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
ds = tf.keras.utils.image_dataset_from_directory("flowers", image_size=(160, 160))
model.fit(ds, epochs=10)
