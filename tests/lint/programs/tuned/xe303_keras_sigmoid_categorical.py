# Sigmoid units with categorical_crossentropy: Keras rescales the row to sum to one, which the author did not mean.
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense, Dropout, Input
from tensorflow.keras.optimizers import Adam

N = 6
model = Sequential([Input((128,)), Dense(64, "relu"), Dropout(0.4), Dense(N, "sigmoid")])
model.compile(Adam(1e-3), loss="categorical_crossentropy", metrics=["accuracy"])  # expect: XE303
