# Keras: two outputs with a loss each; the gender head is linear with from_logits=False, the age head is right.
import tensorflow as tf
from tensorflow.keras import Input, Model
from tensorflow.keras.layers import Conv2D, Dense, GlobalMaxPooling2D

img = Input((64, 64, 1))
f = GlobalMaxPooling2D()(Conv2D(32, 3, activation="relu")(img))
gender = Dense(1, name="gender")(f)
age = Dense(8, activation="softmax", name="age")(f)
model = Model(img, [gender, age])
model.compile(  # expect: XE203
    optimizer="adam",
    loss={"gender": "binary_crossentropy", "age": "sparse_categorical_crossentropy"},
)
