"""One thread: small products gain nothing from a second one, and bits stay the same."""

import torch

torch.set_num_threads(1)
