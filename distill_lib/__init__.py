"""Kernel and deep self-distillation: the library under *Self-Distillation from First Principles*.

One idea carries it: every linear procedure in the book is a *spectral filter*. It multiplies the
coefficient of the targets along an eigenvector of the kernel matrix by a number that depends on
the eigenvalue. So decompose once, then apply any filter.

``distill_lib.kernel``
    numpy, scipy and scikit-learn only: kernels, spectrum, filters, estimators.
``distill_lib.deep``
    Networks in plain PyTorch (extra ``deep``).
``distill_lib.figures``
    The plot style, the figure functions and the live figures (extra ``figures``).
``distill_lib.exercises``
    The self-checks of the chapters' exercises.
"""

__version__ = "0.4.0"
