# Keras functional graph: the head has activation=None and CategoricalCrossentropy() has from_logits=False.
from tensorflow import keras
from tensorflow.keras import layers

base = keras.applications.EfficientNetB0(include_top=False, input_shape=(224, 224, 3))
base.trainable = False
inp = keras.Input((224, 224, 3))
feat = layers.GlobalAveragePooling2D()(base(inp, training=False))
feat = layers.Dropout(0.2)(feat)
out = layers.Dense(37, activation=None, name="pred")(feat)
model = keras.Model(inp, out)
loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
model.compile("adam", loss, metrics=["categorical_accuracy"])  # expect: XE203
