"""The run-time guard: losses looked at while they are computed, for the mistakes that train silently.

The rules are those of ``xent lint``, under the same codes; ``XG…`` is what shows itself in a run only. A rule is a
function of one look at one call, silent unless its evidence is complete.
"""

from xent.torch._guard.callbacks import LightningGuard as LightningGuard
from xent.torch._guard.callbacks import TransformersGuard as TransformersGuard
from xent.torch._guard.finding import LossError as LossError
from xent.torch._guard.finding import LossFinding as LossFinding
from xent.torch._guard.finding import LossWarning as LossWarning
from xent.torch._guard.watching import Guard as Guard
from xent.torch._guard.watching import guard as guard
