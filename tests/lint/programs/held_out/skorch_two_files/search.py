# The module with the softmax is in another file than the skorch net with CrossEntropyLoss and the grid search.
import torch
from sklearn.model_selection import RandomizedSearchCV
from skorch import NeuralNetClassifier

from modules import Tab

net = NeuralNetClassifier(Tab, criterion=torch.nn.CrossEntropyLoss, max_epochs=10)  # expect: XE101
search = RandomizedSearchCV(net, {"lr": [0.1, 0.01, 0.001], "batch_size": [32, 128]}, n_iter=4, cv=3)
