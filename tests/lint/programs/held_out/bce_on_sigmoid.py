# BCELoss on a model whose forward ends with a sigmoid, and round() of that for the accuracy: right.
import torch
import torch.nn as nn


class LogReg(nn.Module):
    def __init__(self, n_input_features):
        super(LogReg, self).__init__()
        self.linear = nn.Linear(n_input_features, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = LogReg(30)
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def train(X_train, y_train, X_test, y_test, num_epochs=100):
    for epoch in range(num_epochs):
        y_predicted = model(X_train)
        loss = criterion(y_predicted, y_train)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.no_grad():
        y_cls = model(X_test).round()
        return y_cls.eq(y_test).sum() / float(y_test.shape[0])
