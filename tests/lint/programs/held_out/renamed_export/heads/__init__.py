# The head with probabilities is exported under a plain name.
from .prob import ProbHead as Head
