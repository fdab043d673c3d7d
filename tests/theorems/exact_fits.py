"""The tolerance form by hand, in 120-digit arithmetic: the independent route of chapter 4.

Kernel matrices are dense and every fit is a linear solve. Whether a function solves the constrained
problem is decided without the theory of the chapter, by weak duality: for every mu > 0 and every f
with mean squared error <= tolerance,

    |f|^2  >=  min_g { |g|^2 + mu (mean squared error of g - tolerance) },

so a function within the tolerance whose norm equals the right side, for some mu, is a solution.
"""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum
from tests.theorems import refits

mp = refits.mp


class Problem(NamedTuple):
    """The same problem twice: dense in 120 digits, and as a float spectrum for the library."""

    Q: object  # mp.matrix, (n, n): eigenvectors, symmetric
    K: object  # mp.matrix, (n, n)
    Y: object  # mp.matrix, (n, q)
    spectrum: Spectrum
    y: np.ndarray  # (n, q)
    tolerance: float

    @property
    def n(self):
        return self.K.rows


def problem(rng, i, *, outputs=1, share=None, unreachable=0.1, infeasible=False):
    """Draw a problem; `share` is the tolerance as a share of the mean square of the targets.

    The part of the targets along zero eigenvalues is scaled by `unreachable`, and the tolerance is
    above what it costs, or below it if `infeasible`.
    """
    d = refits.eigenvalues(rng, i)
    n = len(d)
    Q = refits.mirror(rng, n)
    z = rng.standard_normal((n, outputs)) + np.sign(rng.standard_normal((n, outputs)))
    z[d == 0] *= unreachable
    lost, total = (z[d == 0] ** 2).sum(), (z**2).sum()
    share = 10 ** rng.uniform(-4, -0.05) if share is None else share
    budget = 0.9 * lost if infeasible else lost + share * (total - lost)
    exact = mp.matrix(z.tolist())
    U = np.array([[float(Q[a, b]) for b in range(n)] for a in range(n)])
    return Problem(Q, refits.gram(Q, d), Q * exact, Spectrum(d, U), U @ z, budget / n)


def square(A):
    """Sum of the squares of all entries."""
    return sum(entry**2 for entry in A)


def dual(K, lam, Y):
    """Coefficients of one ridge fit, (K + lam I)^-1 Y."""
    system = K + mp.mpf(lam) * mp.eye(K.rows)
    found = mp.matrix(K.rows, Y.cols)
    for k in range(Y.cols):
        found[:, k] = mp.lu_solve(system, Y[:, k])
    return found


def mean_square_error(K, lam, Y):
    """Mean squared error of one ridge fit on its targets."""
    return square(K * dual(K, lam, Y) - Y) / K.rows


def trace(A):
    return sum(A[k, k] for k in range(A.rows))


def norm_and_lower_bound(problem, lam, tolerance):
    """Squared norm of a ridge fit, and the bound of weak duality on that of every feasible f.

    The minimum over g is found over the weights of the features Q sqrt(D), by its own linear
    system: it is a strictly convex parabola, and no dual coefficients enter.
    """
    K, Y, n = problem.K, problem.Y, problem.n
    coefficients, mu = dual(K, lam, Y), n / mp.mpf(lam)
    norm = trace(coefficients.T * K * coefficients)
    roots = [mp.sqrt(mp.mpf(float(v))) for v in problem.spectrum.eigenvalues]
    features = problem.Q * mp.diag(roots)
    weights = mp.matrix(n, Y.cols)
    system = mp.eye(n) + mu / n * (features.T * features)
    for k in range(Y.cols):
        weights[:, k] = mp.lu_solve(system, mu / n * (features.T * Y[:, k]))
    least = square(weights) + mu / n * square(features * weights - Y)
    return norm, least - mu * mp.mpf(tolerance)


def sign(value):
    """-1.0, 0.0 or 1.0: a strict inequality between 120-digit numbers, for `less`."""
    return float(mp.sign(value))
