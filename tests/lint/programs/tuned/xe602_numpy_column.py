# NumPy: LinearRegression fitted on a column predicts a column; minus the flat y it makes a square matrix.
import numpy as np
from sklearn.linear_model import LinearRegression

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = X @ np.array([1.0, -2.0, 0.5])

pred = LinearRegression().fit(X, y.reshape(-1, 1)).predict(X)
mse = np.mean((pred - y) ** 2)  # expect: XE602
print("mse", mse)
