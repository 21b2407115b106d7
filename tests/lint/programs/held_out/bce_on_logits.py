# BCELoss on the output of a linear layer; the sigmoid is only taken for the predictions.
import torch
import torch.nn as nn


class LogReg(nn.Module):
    def __init__(self, n_input_features):
        super(LogReg, self).__init__()
        self.linear = nn.Linear(n_input_features, 1)

    def forward(self, x):
        return self.linear(x)

    def predict(self, x):
        return torch.sigmoid(self.linear(x)).round()


model = LogReg(30)
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)


def train(X_train, y_train, num_epochs=100):
    for epoch in range(num_epochs):
        y_predicted = model(X_train)
        loss = criterion(y_predicted, y_train)  # expect: XE206
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
