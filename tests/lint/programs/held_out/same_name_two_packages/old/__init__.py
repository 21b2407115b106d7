# The old networks.
from .model import Net
