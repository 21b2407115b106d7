# The softmax is in the file of the networks, and from_logits=True in the training script.
import tensorflow as tf

from nets import get_model

model = get_model(43)
model.compile(  # expect: XE105
    optimizer=tf.keras.optimizers.Adam(),
    loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.05),
    metrics=["accuracy"],
)
