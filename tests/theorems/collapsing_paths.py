"""Paths of the tolerance form up to their collapse, for the results of chapter 5.

The statements of the chapter bound what a path does. Here is the path: its relative norms and the
logarithms of its filters, since a filter of many rounds is below the smallest float.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems import spectral_problems

REGULAR = (0, 1, 2, 4)  # the kinds of spectra without zeros


class Path(NamedTuple):
    d: np.ndarray  # all eigenvalues, descending
    r: np.ndarray  # relative norms r_0, ..., r_N
    log_b: np.ndarray  # logarithm of B after 1, ..., N fits along the positive eigenvalues, (N, r)

    @property
    def rounds(self):
        return len(self.log_b)

    @property
    def positive(self):
        return self.d[self.d > 0]

    @property
    def regular(self):
        return bool((self.d > 0).all())

    @property
    def kappa(self):
        """Condition number on the range of the kernel matrix."""
        return self.positive[0] / self.positive[-1]


def eigenvalues(rng, i, n, singular):
    """Those of `spectral_problems`, twelve decades among them, and nearly equal ones."""
    if i % 5 == 4:
        return rng.uniform(1.0, 1.02, n)
    kind = i // 5 if singular else REGULAR[i // 5 % len(REGULAR)]
    return spectral_problems.eigenvalues(rng, kind, n)


def coefficients(rng, i, d):
    """Draw coefficients spread over all directions, or nearly all on the weakest or strongest."""
    z = rng.standard_normal(len(d))
    if i % 3:
        z[[0, np.flatnonzero(d)[-1]][i % 3 - 1]] *= 10.0 ** rng.uniform(1, 9)
    return z


def draw(
    rng, i, *, singular=False, least=-2.0, most=1.5, whole=False, multiple=False, distinct=False
):
    """Draw a path; r_0 - 1 runs from 10^least to 10^most, or is whole, if the kernel is regular.

    With `multiple` it is a multiple of kappa, where kappa is moderate.
    """
    n = 1 if i % 11 == 0 and not distinct else int(rng.integers(2, 9))
    d = np.sort(eigenvalues(rng, i, n, singular))[::-1]
    z = coefficients(rng, i, d)
    lost, total = (z[d == 0] ** 2).sum(), (z**2).sum()
    aim = 1 + 10.0 ** rng.uniform(least, most)
    if multiple:
        kappa = d[0] / d[d > 0][-1]
        aim = 1 + kappa * max(np.round((aim - 1) / kappa), 1) if kappa < 50 else aim
    share = 1 / (np.round(aim + 1) if whole else aim) ** 2
    tolerance = (lost + share * (total - lost)) / n
    path = constrained.distill(Spectrum(d, np.eye(n)), z, tolerance)
    log_b = -np.cumsum(np.log1p(path.ridges[:, None] / d[d > 0]), axis=0)
    return Path(d, path.relative_norms, log_b)


def log_ratios(log_b):
    """Logarithm of B[k] / B[j] for all pairs k < j, along the last axis."""
    k, j = np.triu_indices(log_b.shape[-1], 1)
    return log_b[..., k] - log_b[..., j]


def relative_gaps(d):
    """The differences d_min / d_j - d_min / d_k >= 0 for all pairs k < j, and d_min / d_k."""
    k, j = np.triu_indices(len(d), 1)
    return d[-1] * (d[k] - d[j]) / (d[k] * d[j]), d[-1] / d[k]
