# skorch: a CountVectorizer before a module with a softmax, under the classifier's own NLLLoss: right.
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch import NeuralNetClassifier
from torch import nn


class Bow(nn.Module):
    def __init__(self, n=2000, k=20):
        super().__init__()
        self.lin = nn.Linear(n, k)
        self.soft = nn.Softmax(dim=-1)

    def forward(self, X):
        return self.soft(self.lin(X))


to_float = FunctionTransformer(lambda m: m.astype(np.float32).toarray(), accept_sparse=True)
net = NeuralNetClassifier(Bow, max_epochs=10, lr=0.5, iterator_train__shuffle=True, device="cpu")
text_clf = make_pipeline(CountVectorizer(max_features=2000), to_float, net)
