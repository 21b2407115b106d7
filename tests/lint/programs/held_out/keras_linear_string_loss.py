# Keras: the last Dense is linear, and the string loss expects probabilities.
from tensorflow.keras.layers import LSTM, Dense, Embedding
from tensorflow.keras.models import Sequential

model = Sequential([
    Embedding(10000, 64),
    LSTM(64, dropout=0.2),
    Dense(46),
])
model.compile(loss="sparse_categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])  # expect: XE203


def fit(x_train, y_train, x_val, y_val):
    return model.fit(x_train, y_train, epochs=20, batch_size=512, validation_data=(x_val, y_val))
