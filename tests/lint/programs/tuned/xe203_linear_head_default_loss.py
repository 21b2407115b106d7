# The last Dense has no activation, and the loss string means from_logits=False.
import numpy as np
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.utils import to_categorical

X = np.load("leaves.npy")
y = to_categorical(np.load("species.npy"), 12)

model = Sequential()
model.add(Conv2D(32, (3, 3), activation="relu", input_shape=(64, 64, 3)))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(64, (3, 3), activation="relu"))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(128, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(12))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["acc"])  # expect: XE203
model.fit(X, y, batch_size=32, epochs=25, validation_split=0.1)
