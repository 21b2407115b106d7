# Keras: softmax attention and sigmoid gates inside the graph, and a sigmoid head with its own loss: right.
from tensorflow import keras
from tensorflow.keras import layers

inp = keras.Input((None,), dtype="int32")
x = layers.Embedding(30000, 128, mask_zero=True)(inp)
h = layers.Bidirectional(layers.GRU(64, return_sequences=True))(x)
w = layers.Softmax(axis=1)(layers.Dense(1)(h))
ctx = layers.Dot(axes=1)([w, h])
ctx = layers.Flatten()(ctx)
gate = layers.Dense(128, activation="sigmoid")(ctx)
z = layers.Multiply()([ctx, gate])
out = layers.Dense(1, activation="sigmoid")(z)
model = keras.Model(inp, out)
model.compile("adam", loss=keras.losses.BinaryCrossentropy(), metrics=[keras.metrics.BinaryAccuracy(), "AUC"])
