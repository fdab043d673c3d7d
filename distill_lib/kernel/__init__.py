"""The kernel wing: numpy, scipy and scikit-learn only. Importing it never imports torch.

Data flows one way: `kernels` -> `spectrum` -> `filters` -> `estimators`.
"""

from distill_lib.kernel import filters, kernels
from distill_lib.kernel.estimators import SelfDistilledKernelRidge, SelfDistilledKernelRidgeCV
from distill_lib.kernel.spectrum import Spectrum

__all__ = [
    "SelfDistilledKernelRidge",
    "SelfDistilledKernelRidgeCV",
    "Spectrum",
    "filters",
    "kernels",
]
