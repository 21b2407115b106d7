# The names come by a star import from a package that is not there, so nothing is known of them: silent.
from mylab.deep.toolkit import *

model = ProbabilityNet(10)
criterion = CrossEntropyLoss()


def step(x, y):
    p = softmax(model(x))
    loss = criterion(p, y)
    loss.backward()
    return log(p + 1e-8)
