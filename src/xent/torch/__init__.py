"""Xent's losses for PyTorch: drop-ins for torch's two, modules for the others, and a switch for a whole program.

>>> import torch
>>> import xent.torch
>>> logits = torch.randn(4, 10, requires_grad=True)
>>> xent.torch.cross_entropy(logits, torch.tensor([1, 2, 3, -100])).backward()
>>> bool((logits.grad[3] == 0).all())  # the ignored row
True
"""

from xent.torch._functional import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from xent.torch._functional import cross_entropy as cross_entropy
from xent.torch._functional import sigmoid_loss as sigmoid_loss
from xent.torch._functional import softmax_loss as softmax_loss
from xent.torch._guard import Guard as Guard
from xent.torch._guard import LightningGuard as LightningGuard
from xent.torch._guard import LossError as LossError
from xent.torch._guard import LossFinding as LossFinding
from xent.torch._guard import LossWarning as LossWarning
from xent.torch._guard import TransformersGuard as TransformersGuard
from xent.torch._guard import guard as guard
from xent.torch._install import install as install
from xent.torch.modules import AsymmetricLoss as AsymmetricLoss
from xent.torch.modules import BCEWithLogitsLoss as BCEWithLogitsLoss
from xent.torch.modules import CrossEntropyLoss as CrossEntropyLoss
from xent.torch.modules import FocalLoss as FocalLoss
from xent.torch.modules import GeneralizedCrossEntropyLoss as GeneralizedCrossEntropyLoss
from xent.torch.modules import Poly1Loss as Poly1Loss
from xent.torch.modules import SigmoidFocalLoss as SigmoidFocalLoss
from xent.torch.modules import SigmoidLoss as SigmoidLoss
from xent.torch.modules import SoftmaxLoss as SoftmaxLoss
from xent.torch.modules import SymmetricCrossEntropyLoss as SymmetricCrossEntropyLoss
