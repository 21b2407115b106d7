# skorch: CrossEntropyLoss with raw scores, softmax for predict_proba by predict_nonlinearity: right.
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, LRScheduler
from torch import nn


class ResMLP(nn.Module):
    def __init__(self, d=40, h=64, k=5):
        super().__init__()
        self.inp, self.mid, self.out = nn.Linear(d, h), nn.Linear(h, h), nn.Linear(h, k)

    def forward(self, X):
        h = torch.relu(self.inp(X))
        gate = torch.sigmoid(self.mid(h))
        return self.out(h * gate)


net = NeuralNetClassifier(
    ResMLP,
    criterion=nn.CrossEntropyLoss,
    predict_nonlinearity=lambda z: z.softmax(-1),
    callbacks=[EarlyStopping(patience=5), LRScheduler("StepLR", step_size=10)],
)
pipe = Pipeline([("scale", StandardScaler()), ("net", net)])
cal = CalibratedClassifierCV(pipe, method="isotonic", cv=3)
