# Dense(1, activation="softmax") always gives 1.0, so binary_crossentropy cannot move.
from keras.layers import LSTM, Dense, Embedding
from keras.models import Sequential

MAX_WORDS = 5000

model = Sequential()
model.add(Embedding(MAX_WORDS, 32))
model.add(LSTM(100, dropout=0.2, recurrent_dropout=0.2))
model.add(Dense(1, activation="softmax"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])  # expect: XE301
print(model.summary())
