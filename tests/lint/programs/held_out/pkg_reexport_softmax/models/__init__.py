# Re-exports the network and its maker.
from .net import SmallResNet, build

__all__ = ["SmallResNet", "build"]
