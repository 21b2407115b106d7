"""The losses of JAX arrays: one ``custom_vjp`` for the rows of softmax logits, one for the entries of sigmoid logits.

``xent.cross_entropy``, ``xent.Focal(2.0)``, its ``binary`` and all the others come here by themselves where the logits
are JAX arrays. What differs from NumPy:

- Logits narrower than float32 are computed in float32, the others in their own dtype (float64 is there under
  ``jax_enable_x64``). The loss has the dtype of the computation, the gradient that of the logits. Integers are JAX's
  default float.
- ``jit``, ``vmap``, ``grad``, ``value_and_grad``, ``jacrev`` and ``hessian`` work, and so does either mode over a
  ``grad``. Forward mode over the loss itself (``jvp``, ``jacfwd``, ``linearize``) does not: JAX has none through a
  ``custom_vjp``.
- Gradients flow to logits, probability targets, ``weight``, ``pos_weight``, ``sample_weight``, ``prior`` and
  ``normalizer``. The choice of ``mining`` is a constant, and so is all that ``return_stats`` adds. By a target or a
  weight of 0 whose loss is infinite the derivative is 0: it takes no part.
- Numbers are checked where they are known without a wait: not those of a tracer, nor those on another device than the
  CPU. Unchecked, a class index out of range makes loss and gradient of its row NaN; other numbers are computed with.
- Of size (rows, classes) nothing is kept for backward but the logits, or their gradient instead, and the target, where
  that is of this size.
- On a CPU, losses of class indices and cross-entropy of probabilities go through the compiled kernels
  (``src/core/jax.cpp``), which XLA calls on its own threads. ``XENT_KERNELS=numpy`` leaves all to XLA.
"""

from xent.jax._sigmoid import sigmoid_loss
from xent.jax._softmax import softmax_loss

__all__ = ["sigmoid_loss", "softmax_loss"]
