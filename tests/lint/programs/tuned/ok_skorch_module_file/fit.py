import torch
from sklearn.model_selection import RandomizedSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping

from module import TabularNet

net = NeuralNetClassifier(
    module=TabularNet,
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.AdamW,
    max_epochs=100,
    callbacks=[EarlyStopping(patience=5)],
)
search = RandomizedSearchCV(net, {"module__hidden": [50, 100, 200], "lr": [1e-2, 1e-3]}, n_iter=4, cv=3)
