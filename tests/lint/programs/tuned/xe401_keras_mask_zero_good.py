# Keras: Embedding(mask_zero=True) carries the mask to the loss, so padded steps do not count.
import numpy as np
from tensorflow.keras import Sequential
from tensorflow.keras.layers import LSTM, Bidirectional, Dense, Embedding, TimeDistributed
from tensorflow.keras.preprocessing.sequence import pad_sequences

sents, tags = np.load("sents.npy", allow_pickle=True), np.load("tags.npy", allow_pickle=True)
X = pad_sequences(sents, maxlen=50, padding="post", value=0)
Y = pad_sequences(tags, maxlen=50, padding="post", value=0)

model = Sequential()
model.add(Embedding(12000, 64, mask_zero=True))
model.add(Bidirectional(LSTM(64, return_sequences=True)))
model.add(TimeDistributed(Dense(18, activation="softmax")))
model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(X, Y, batch_size=64, epochs=4)
