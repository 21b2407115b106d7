# A package re-exports its net (ending in Softmax); main.py hands net and criterion to engine.train as arguments.
from .heads import Classifier

__all__ = ["Classifier"]
