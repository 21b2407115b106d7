# NumPy: predictions are ravelled before they are compared with the labels, and columns are compared with columns.
import numpy as np
from sklearn.linear_model import LinearRegression

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = X @ np.array([1.0, -2.0, 0.5])
Y = y.reshape(-1, 1)

pred = LinearRegression().fit(X, Y).predict(X)
print("mse", np.mean((pred.ravel() - y) ** 2), np.mean((pred - Y) ** 2))
