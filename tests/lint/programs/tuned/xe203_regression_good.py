# A linear Dense head with mean squared error, and an autoencoder with binary_crossentropy behind a sigmoid.
from keras.layers import Dense, Input
from keras.models import Model, Sequential

reg = Sequential([Input((13,)), Dense(64, activation="relu"), Dense(1)])
reg.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])

pix = Input((784,))
code = Dense(32, activation="relu")(pix)
recon = Dense(784, activation="sigmoid")(code)
auto = Model(pix, recon)
auto.compile(optimizer="adam", loss="binary_crossentropy")
encoder = Model(pix, code)
