# A small segmentation package.
from .net import SegNet
from .loss import pixel_loss
