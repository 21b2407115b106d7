# Keras 2: a Lambda layer with K.softmax ends the model, and the loss is a lambda that passes from_logits=True.
from keras import backend as K
from keras.layers import Dense, Dropout, Lambda
from keras.models import Sequential

model = Sequential()
model.add(Dense(512, activation="relu", input_shape=(784,)))
model.add(Dropout(0.2))
model.add(Dense(10))
model.add(Lambda(lambda z: K.softmax(z)))
model.compile("adam", loss=lambda t, p: K.categorical_crossentropy(t, p, from_logits=True))  # expect: XE105
