# Keras: an autoencoder with a sigmoid and binary_crossentropy on pixels, and a linear one with mse: right.
from keras.layers import Dense, Input
from keras.models import Model

inp = Input(shape=(784,))
code = Dense(32, activation="relu")(inp)
out = Dense(784, activation="sigmoid")(code)
autoencoder = Model(inp, out)
autoencoder.compile(optimizer="adadelta", loss="binary_crossentropy")

encoder = Model(inp, code)
linear = Model(inp, Dense(784)(code))
linear.compile(optimizer="adam", loss="mse")
