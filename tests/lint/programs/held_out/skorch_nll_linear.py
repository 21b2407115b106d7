# skorch's default NLLLoss takes the log of the module's output, and this module returns raw scores.
from skorch import NeuralNetClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn


class ScoreNet(nn.Module):
    def __init__(self, in_features=64, classes=10):
        super().__init__()
        self.stack = nn.Sequential(
            nn.Linear(in_features, 100),
            nn.ReLU(),
            nn.Linear(100, classes),
        )

    def forward(self, x):
        return self.stack(x)


broken = NeuralNetClassifier(ScoreNet, max_epochs=15, lr=0.1)  # expect: XE202
fine = NeuralNetClassifier(ScoreNet, criterion=nn.CrossEntropyLoss, max_epochs=15, lr=0.1)
pipe = make_pipeline(StandardScaler(), fine)
