# The module with the softmax goes to skorch's classifier with its NLLLoss, which takes the log for it: right.
from sklearn.model_selection import RandomizedSearchCV
from skorch import NeuralNetClassifier

from modules import Tab

net = NeuralNetClassifier(Tab, max_epochs=10)
search = RandomizedSearchCV(net, {"lr": [0.1, 0.01, 0.001], "batch_size": [32, 128]}, n_iter=4, cv=3)
