# The loss of one file expects probabilities, and the model of another gives logits.
from losses import LOSS
from model import Reviews

net = Reviews()
net.compile(optimizer="adam", loss=LOSS)  # expect: XE203
