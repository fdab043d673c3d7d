"""Flows and descents by hand, in 120-digit arithmetic: the route of chapters 9 and 10.

Kernel matrices are dense. A flow is one exponential of the matrix of its differential equation, a
descent one power of the matrix of its step, both with the constant term in an extra row: no filter,
no eigendecomposition and no solution formula is used.
"""

from __future__ import annotations

import numpy as np

from tests.theorems import refits

mp = refits.mp


def _affine(linear, constant, corner):
    """Return the matrix that acts on (f, 1) as the map f -> linear f + constant."""
    n = linear.rows
    matrix = mp.zeros(n + 1)
    matrix[:n, :n] = linear
    matrix[:n, n] = constant
    matrix[n, n] = corner
    return matrix


def _apply(matrix, start):
    n = matrix.rows - 1
    begin = mp.matrix(list(start) if start is not None else [0] * n)
    return matrix[:n, :n] * begin + matrix[:n, n]


def exponential(A):
    """Exponential of a matrix, its series at A / 2^j squared j times, in whole numbers.

    As ``mp.expm``, several times faster: entries are integers in units of 2^-bits, for matrices
    whose exponential has moderate entries. Absolute precision 120 digits.
    """
    size = max(abs(v) for v in A) * A.rows
    j = 14 + max(0, int(mp.mag(size)) if size else 0)
    bits = mp.prec + 2 * j
    scaled = [[int(mp.ldexp(A[a, b], bits - j)) for b in range(A.cols)] for a in range(A.rows)]
    scaled, term = np.array(scaled, dtype=object), np.eye(A.rows, dtype=int).astype(object) << bits
    total, k = term, 0
    while abs(term).max() > 1:
        k += 1
        term = (term.dot(scaled) >> bits) // k
        total = total + term
    for _ in range(j):
        total = total.dot(total) >> bits
    return mp.matrix([[mp.ldexp(mp.mpf(v), -bits) for v in row] for row in total.tolist()])


def flow(K, targets, time, start=None):
    """Fitted values at `time` of the flow f' = -K (f - targets) from `start` (0)."""
    generator = _affine(-K, K * targets, 0)
    return _apply(exponential(generator * mp.mpf(time)), start)


def clock(K, time):
    """Return the same flow as a map (targets, start) -> fitted values after `time`.

    One exponential of the equation for (f, targets) serves every run of this length.
    """
    n = K.rows
    generator = mp.zeros(2 * n)
    generator[:n, :n], generator[:n, n:] = -K, K
    end = exponential(generator * mp.mpf(time))

    def run(targets, start=None):
        moved = end[:n, n:] * targets
        return moved if start is None else moved + end[:n, :n] * start

    return run


def descent(K, targets, step, steps, start=None):
    """Fitted values after `steps` steps f <- f - step K (f - targets) from `start` (0)."""
    step = mp.mpf(step)
    one = _affine(mp.eye(K.rows) - step * K, step * (K * targets), 1)
    return _apply(one**steps, start)


class Model:
    """A dense kernel matrix with given eigenvalues, and labels with coefficient 1 along each."""

    def __init__(self, rng, d):
        self.Q = refits.mirror(rng, len(d))
        self.K = refits.gram(self.Q, d)
        self.labels = self.Q * mp.ones(len(d), 1)

    def measured(self, values):
        """Coefficients of fitted values: the filter, read off."""
        return list(self.Q * values)


ROUNDING = 1e-105  # what is below is rounding: `less(ROUNDING, gap)` decides strict inequalities


def lag(low, high):
    """By which share of itself `high` is above `low`; 0 if both are rounding."""
    return float((high - low) / high) if abs(high) > ROUNDING else 0.0


def scale(d, i):
    """Eigenvalue in whose units times are drawn: the larger, every fourth time the mean of both."""
    return d[0] if i % 4 or not d.all() else np.sqrt(d[0] * d[1])


def floats(values):
    """Numbers of 120 digits as an array of floats."""
    return np.array([float(v) for v in values])


def time_near(rng, d, *, decades=2.0):
    """Draw a time near 1/d_j of one of the positive eigenvalues."""
    return float(10.0 ** rng.uniform(-decades, decades) / rng.choice(d[d > 0]))
