# The same functional Keras model with from_logits=True, and a metric whose threshold is 0 because it sees logits.
from tensorflow import keras


def make_model(n_words: int, maxlen: int = 200) -> keras.Model:
    inp = keras.layers.Input((maxlen,), dtype="int32")
    x = keras.layers.Embedding(n_words, 64)(inp)
    x = keras.layers.Bidirectional(keras.layers.LSTM(64))(x)
    x = keras.layers.Dense(32, activation="relu")(x)
    out = keras.layers.Dense(1, name="toxic")(x)
    return keras.Model(inputs=inp, outputs=out)


def main(train_ds, val_ds):
    model = make_model(20_000)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    acc = keras.metrics.BinaryAccuracy(threshold=0.0)
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss=loss, metrics=[acc])
    model.fit(train_ds, validation_data=val_ds, epochs=3)


if __name__ == "__main__":
    main(keras.utils.text_dataset_from_directory("train"), keras.utils.text_dataset_from_directory("val"))
