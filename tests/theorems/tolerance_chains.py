"""Paths of the tolerance form with labels in the mix, and what their rounds were asked.

The library makes the path. What a round had to meet is measured by its definition: the constraint
alpha |f(X) - y|^2 + (1 - alpha) |f(X) - p|^2 <= n eps, at values that functions of the space have.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems import refits


class Path(NamedTuple):
    d: np.ndarray  # (n,), eigenvalues, descending
    Q: np.ndarray  # (n, n), eigenvectors
    y: np.ndarray  # (n, q), labels
    tolerance: float
    alpha: np.ndarray  # (max_rounds,)
    library: mixing.MixedPath

    @property
    def budget(self):
        return len(self.d) * self.tolerance

    @property
    def state(self):
        """How the path ended."""
        if self.library.collapsed:
            return "collapsed"
        return "goes on" if self.library.feasible else "infeasible"

    @property
    def rounds(self):
        """Number of rounds that were asked for, the one at which the path ended included."""
        return min(self.library.rounds + 1, len(self.alpha))

    def weight(self, t):
        """Weight on the labels in round t; round 0 has no teacher."""
        return 1.0 if t == 0 else float(self.alpha[t])

    def misses(self, t, values):
        """Weighted squared error in round t of a function with these values."""
        alpha = self.weight(t)
        to_labels, to_teacher = self.y - values, self.library.targets[t] - values
        return alpha * (to_labels**2).sum() + (1 - alpha) * (to_teacher**2).sum()

    def least(self, t):
        """Smallest weighted error of any function, by a stacked least-squares fit."""
        reachable, weights = self.Q[:, self.d > 0], np.sqrt([self.weight(t), 1 - self.weight(t)])
        targets = (self.y, self.library.targets[t])
        system = np.vstack([w * reachable for w in weights])
        stacked = np.vstack([w * v for w, v in zip(weights, targets, strict=True)])
        return self.misses(t, reachable @ np.linalg.lstsq(system, stacked, rcond=None)[0])


def path(d, Q, y, tolerance, alpha):
    """Run the library."""
    found = mixing.distill(Spectrum(d, Q), y, tolerance, alpha, len(alpha))
    return Path(d, Q, y, tolerance, np.asarray(alpha), found)


def kernel(rng, i, *, singular=None):
    """Draw eigenvalues and eigenvectors as floats; `singular`: all kinds, none or only such."""
    kinds = [k for k in refits.KINDS if singular is None or singular == (k == "with zeros")]
    d = refits.eigenvalues(rng, refits.KINDS.index(kinds[i % len(kinds)]))
    return d, mixed.floats(mixed.mirror(rng, len(d)))


def labels(rng, d, Q, outputs=1, unreachable=0.3):
    """Draw labels; their part along zero eigenvalues is scaled by `unreachable`."""
    z = rng.standard_normal((len(d), outputs))
    z += np.sign(z)
    z[d == 0] *= unreachable
    return Q @ z


def lost(d, Q, y):
    """Energy of the labels that no function of the space can fit."""
    return ((Q[:, d == 0].T @ y) ** 2).sum()
