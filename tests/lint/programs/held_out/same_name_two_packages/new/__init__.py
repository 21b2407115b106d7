# The new networks.
from .model import Net
