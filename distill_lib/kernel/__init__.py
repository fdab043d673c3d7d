"""The kernel wing: numpy, scipy and scikit-learn only. Importing it never imports torch.

Data flows one way: `kernels` -> `spectrum` -> `filters` -> `risk`, `constrained`, `mixing`,
`selection`, `flow`, `deviations`, `retrieval`, `self_labels` -> `estimators`.
"""

from distill_lib.kernel import (
    constrained,
    deviations,
    filters,
    flow,
    kernels,
    mixing,
    retrieval,
    risk,
    selection,
    self_labels,
)
from distill_lib.kernel.estimators import SelfDistilledKernelRidge, SelfDistilledKernelRidgeCV
from distill_lib.kernel.spectrum import Spectrum

__all__ = [
    "SelfDistilledKernelRidge",
    "SelfDistilledKernelRidgeCV",
    "Spectrum",
    "constrained",
    "deviations",
    "filters",
    "flow",
    "kernels",
    "mixing",
    "retrieval",
    "risk",
    "selection",
    "self_labels",
]
