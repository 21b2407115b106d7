# builder.py returns logits unless asked for probabilities; train.py asks for them and uses the loss string.
from tensorflow.keras import Model
from tensorflow.keras.applications import ResNet50
from tensorflow.keras.layers import Dense, Dropout, GlobalAveragePooling2D, Softmax


def build_model(n_classes, probabilities=False):
    base = ResNet50(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    base.trainable = False
    x = GlobalAveragePooling2D()(base.output)
    x = Dropout(0.2)(x)
    out = Dense(n_classes)(x)
    if probabilities:
        out = Softmax()(out)
    return Model(base.input, out)
