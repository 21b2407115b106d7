# builder.py returns a Keras model with a linear head; train.py compiles it with the loss string (probabilities).
from tensorflow.keras import Model
from tensorflow.keras.applications import ResNet50
from tensorflow.keras.layers import Dense, Dropout, GlobalAveragePooling2D


def build_model(n_classes, trainable=False):
    base = ResNet50(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    base.trainable = trainable
    x = GlobalAveragePooling2D()(base.output)
    x = Dropout(0.2)(x)
    out = Dense(n_classes)(x)
    return Model(base.input, out)
