# Keras: one unit with softmax under binary_crossentropy puts out 1 for every row.
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense, Flatten

cats_dogs = Sequential()
cats_dogs.add(Flatten(input_shape=(64, 64, 3)))
cats_dogs.add(Dense(128, activation="relu"))
cats_dogs.add(Dense(1, activation="softmax"))
cats_dogs.compile(optimizer="adam", loss="binary_crossentropy")  # expect: XE301
