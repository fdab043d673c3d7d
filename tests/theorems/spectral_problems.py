"""Random kernel problems with known spectra, for the results of chapter 2.

A problem is given by finite features, so that every claim about functions can be tried in two ways:
with weights in the space of the features, and with kernels alone.
"""

from typing import NamedTuple

import numpy as np


class Problem(NamedTuple):
    """Features ``U sqrt(d) V^T`` of n training points, of m new points, targets and a ridge."""

    U: np.ndarray  # (n, n), orthonormal
    d: np.ndarray  # (n,), eigenvalues of the kernel matrix
    V: np.ndarray  # (p, n), orthonormal columns, p >= n
    new: np.ndarray  # (m, p), features of the new points
    y: np.ndarray  # (n,)
    lam: float

    @property
    def features(self):
        return (self.U * np.sqrt(self.d)) @ self.V.T

    @property
    def K(self):
        return (self.U * self.d) @ self.U.T

    @property
    def K_new(self):
        return self.new @ self.features.T


def eigenvalues(rng, i, n):
    """Ordinary, twelve decades wide, repeated, with zeros, heavy-tailed, or all zero but one."""
    return [
        rng.uniform(0.1, 3, n),
        np.geomspace(1e-12, 1, n),
        np.repeat(rng.uniform(0.1, 3), n),
        np.where(np.arange(n) < (n + 1) // 2, rng.uniform(0.1, 3, n), 0.0),
        rng.exponential(size=n) ** 3 + 1e-3,
        np.where(np.arange(n) == 0, rng.uniform(0.1, 3), 0.0),
    ][i % 6]


def orthonormal(rng, rows, columns):
    return np.linalg.qr(rng.standard_normal((rows, columns)))[0]


def draw(rng, i):
    """Draw problem number i; every seventh has one training point."""
    n = 1 if i % 7 == 0 else int(rng.integers(2, 10))
    p = n + int(rng.integers(1, 6))
    return Problem(
        orthonormal(rng, n, n),
        eigenvalues(rng, i, n),
        orthonormal(rng, p, n),
        rng.standard_normal((4, p)),
        rng.standard_normal(n),
        float(10 ** rng.uniform(-2, 2)),
    )


def primal_weights(features, targets, lam):
    """Minimise ||features w - targets||^2 / 2 + lam ||w||^2 / 2 over all weights."""
    p = features.shape[1]
    return np.linalg.solve(features.T @ features + lam * np.eye(p), features.T @ targets)
