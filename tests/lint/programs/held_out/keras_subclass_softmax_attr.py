# Keras 3 subclass: a Softmax layer kept as an attribute ends call, and the loss is told that it gets logits.
import keras
from keras import layers


class PatchNet(keras.Model):
    def __init__(self, k):
        super().__init__()
        self.proj = layers.Conv2D(96, 8, strides=8)
        self.norm = layers.LayerNormalization()
        self.pool = layers.GlobalAveragePooling2D()
        self.head = layers.Dense(k)
        self.act = layers.Softmax()

    def call(self, x, training=None):
        x = self.norm(self.proj(x))
        return self.act(self.head(self.pool(x)))


net = PatchNet(10)
net.compile(  # expect: XE105
    optimizer=keras.optimizers.AdamW(1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
