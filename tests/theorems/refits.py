"""Refits by hand, in 120-digit arithmetic: the independent route of chapter 3's results.

The kernel matrix is built dense, every fit is a linear solve, and no eigendecomposition and no
filter formula is used. Six refits of twelve decades lose 80 digits; 120 leave room.
"""

from __future__ import annotations

import mpmath
import numpy as np

mp = mpmath.MPContext()  # our own: the precision of other tests stays as it is
mp.dps = 120

KINDS = ("mild", "twelve decades", "repeated", "with zeros", "one point")


def eigenvalues(rng, i, n=None):
    """Descending eigenvalues; the kind (see `KINDS`) runs with the instance number `i`."""
    kind = KINDS[i % len(KINDS)]
    n = n or (1 if kind == "one point" else int(rng.integers(2, 4)))
    d = 10.0 ** rng.uniform(-1, 1, n)
    if kind == "twelve decades" and n > 1:
        d = 10.0 ** np.linspace(6, -6, n)
    if kind == "repeated" and n > 1:
        d[-2:] = d[-1]
    if kind == "with zeros" and n > 1:
        d[-1] = 0.0
    return np.sort(d)[::-1]


def ridge_near(rng, d):
    """Draw a ridge near one of the positive eigenvalues, within a factor of about 30."""
    return float(rng.choice(d[d > 0]) * 10.0 ** rng.uniform(-1.5, 1.5))


def mirror(rng, n):
    """Return a random exactly symmetric orthogonal matrix (a Householder mirror), 120 digits."""
    v = mp.matrix([mp.mpf(float(x)) for x in rng.standard_normal(n)])
    return mp.eye(n) - (2 / (v.T * v)[0]) * (v * v.T)


def gram(Q, d):
    """Return Q diag(d) Q as a dense matrix."""
    return Q * mp.diag([mp.mpf(float(x)) for x in d]) * Q


def fit(K, lam, targets):
    """Fitted values of one ridge fit, K (K + lam I)^-1 targets, by a linear solve."""
    n = K.rows
    system = K + mp.mpf(lam) * mp.eye(n)
    columns = [mp.lu_solve(system, targets[:, k]) for k in range(targets.cols)]
    solved = mp.matrix(n, targets.cols)
    for k, column in enumerate(columns):
        solved[:, k] = column
    return K * solved


def filter_values(rng, d, lams, alpha=0.0):
    """Measured filter after each refit: shape (rounds, n), entries are 120-digit numbers.

    Targets with coefficient 1 along every eigenvector are refitted, once for each entry of
    `lams`; what remains of the coefficients is the filter. With `alpha` the labels are mixed in.
    """
    n = len(d)
    Q = mirror(rng, n)
    K, labels = gram(Q, d), Q * mp.ones(n, 1)
    values, kept = labels, []
    for lam in lams:
        values = fit(K, lam, alpha * labels + (1 - alpha) * values)
        kept.append(list(Q * values))
    return kept


def risks(rng, d, theta, sigma, lams):
    """Exact risk after each refit, |(I - M) f|^2 + sigma^2 tr(M M^T), from dense matrices M."""
    n = len(d)
    Q = mirror(rng, n)
    K, M = gram(Q, d), mp.eye(n)
    truth = Q * mp.matrix([mp.mpf(float(x)) for x in theta])
    kept = []
    for lam in lams:
        M = fit(K, lam, M)
        miss = truth - M * truth
        trace = sum(entry**2 for entry in M)
        kept.append((miss.T * miss)[0] + mp.mpf(float(sigma)) ** 2 * trace)
    return kept


def logs(values):
    """Natural logarithms of positive 120-digit numbers, as floats."""
    return np.array([float(mp.log(v)) for v in values])
