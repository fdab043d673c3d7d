"""The deep wing: the same questions for networks, in plain PyTorch (extra ``deep``).

Modules are imported by name, for example ``from distill_lib.deep import models, train``;
importing the package alone loads PyTorch and nothing else of this wing.
"""

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ImportError(
        "distill_lib.deep needs PyTorch, which is not installed: pip install 'distill-lib[deep]'"
    ) from error
