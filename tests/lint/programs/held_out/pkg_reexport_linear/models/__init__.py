# Re-exports the network and its maker.
from .net import SmallNet, build
