# Keras: Dense(1) with from_logits=True, but BinaryAccuracy keeps its threshold 0.5 although it sees logits.
import tensorflow as tf

data = tf.keras.utils.image_dataset_from_directory("cats_and_dogs", image_size=(160, 160), label_mode="binary")
base = tf.keras.applications.MobileNetV2((160, 160, 3), include_top=False, weights="imagenet")
base.trainable = False
inputs = tf.keras.Input((160, 160, 3))
x = tf.keras.applications.mobilenet_v2.preprocess_input(inputs)
x = base(x, training=False)
x = tf.keras.layers.GlobalAveragePooling2D()(x)
outputs = tf.keras.layers.Dense(1)(x)
model = tf.keras.Model(inputs, outputs)
model.compile(  # expect: XE601
    optimizer="adam",
    loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=[tf.keras.metrics.BinaryAccuracy()],
)
model.fit(data, epochs=10)
