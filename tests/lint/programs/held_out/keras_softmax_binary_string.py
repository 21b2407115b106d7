# Keras: ten classes with softmax under binary_crossentropy.
from keras.layers import BatchNormalization, Dense, Dropout
from keras.models import Sequential
from keras.utils import to_categorical


def build(n_features):
    model = Sequential()
    model.add(Dense(256, input_dim=n_features, activation="relu"))
    model.add(BatchNormalization())
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])  # expect: XE303
    return model


def main(X, y):
    model = build(X.shape[1])
    model.fit(X, to_categorical(y, 10), epochs=50, batch_size=32, validation_split=0.1)
