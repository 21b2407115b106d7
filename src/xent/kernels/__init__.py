"""The only code that touches an (n, K) array.

``backend()`` is the module that serves NumPy arrays: the compiled core where it was built and the row type allows, else
:mod:`xent.kernels.numpy`, which is also the specification of every kernel.
"""
