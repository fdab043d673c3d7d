"""The kernel wing: numpy, scipy and scikit-learn only. Importing it never imports torch.

Data flows one way: `kernels` -> `spectrum` -> `filters` -> `risk`, `constrained`, `estimators`.
"""

from distill_lib.kernel import constrained, filters, kernels, risk
from distill_lib.kernel.estimators import SelfDistilledKernelRidge, SelfDistilledKernelRidgeCV
from distill_lib.kernel.spectrum import Spectrum

__all__ = [
    "SelfDistilledKernelRidge",
    "SelfDistilledKernelRidgeCV",
    "Spectrum",
    "constrained",
    "filters",
    "kernels",
    "risk",
]
