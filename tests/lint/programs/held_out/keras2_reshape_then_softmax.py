# Keras 2: a segmentation net reshapes to (pixels, classes) and then takes the softmax: right.
from keras.layers import Activation, Conv2D, Input, Reshape
from keras.models import Model


def segnet(h=64, w=64, n_labels=11):
    img = Input((h, w, 3))
    x = Conv2D(64, (3, 3), padding="same", activation="relu")(img)
    x = Conv2D(n_labels, (1, 1), padding="valid")(x)
    x = Reshape((h * w, n_labels))(x)
    out = Activation("softmax")(x)
    model = Model(img, out)
    model.compile(optimizer="adadelta", loss="categorical_crossentropy", metrics=["accuracy"])
    return model
