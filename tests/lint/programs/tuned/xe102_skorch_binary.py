# skorch's NeuralNetBinaryClassifier uses BCEWithLogitsLoss by default, and the module ends in Sigmoid.
from sklearn.datasets import make_classification
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier
from torch import nn

X, y = make_classification(2000, 20, n_informative=10, random_state=0)
X, y = X.astype("float32"), y.astype("float32")


class Mlp(nn.Module):
    def __init__(self, width=50):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, 1))
        self.sig = nn.Sigmoid()

    def forward(self, X):
        return self.sig(self.body(X)).squeeze(-1)


clf = NeuralNetBinaryClassifier(Mlp, max_epochs=20, lr=0.1)  # expect: XE102
pipe = Pipeline([("scale", StandardScaler()), ("net", clf)])
pipe.fit(X, y)
