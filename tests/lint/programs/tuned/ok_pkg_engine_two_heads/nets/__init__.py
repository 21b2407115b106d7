# The package holds a net with Softmax for export and one without; only the latter is trained with CrossEntropyLoss.
from .heads import Classifier, Exported

__all__ = ["Classifier", "Exported"]
