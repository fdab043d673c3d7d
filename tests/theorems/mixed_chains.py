"""Mixed chains by hand, in 250-digit arithmetic: the independent route of chapters 7 and 8.

Kernel matrices are dense and every fit is a linear solve: no eigendecomposition, no filter formula
and no closed form enters. Quadratic functions are minimized from their values alone. Matrices are
numpy arrays of 250-digit numbers; they are rounded only where the library comes in, or after a
difference was formed. (In a product write the array first: `mpmath` is slow to let go of it.)
"""

from typing import NamedTuple

import mpmath
import numpy as np

from distill_lib.kernel import Spectrum
from tests.theorems import refits
from tests.theorems.ledger import equal

mp = mpmath.MPContext()  # our own: the precision of other tests stays as it is
mp.dps = 250  # a few fits of twelve decades lose 100

#: Relative size below which two 250-digit numbers count as equal after a few dense solves.
SAME = 1e-110

#: A float as a 250-digit number, or an array of floats as an array of them; nothing is rounded.
exact = np.vectorize(lambda v: mp.mpf(float(v)), otypes=[object])


#: Kinds of pairs of eigenvalues, see `pair`.
KINDS = ("mild", "twelve decades", "close", "with zeros", "repeated")


class Problem(NamedTuple):
    """The same problem twice: dense in 250 digits, and in floats for the library."""

    d: np.ndarray  # (n,), floats: eigenvalues, descending
    Q: np.ndarray  # (n, n): eigenvectors, symmetric
    K: np.ndarray  # (n, n)
    features: np.ndarray  # (n, n): of the training points, K = features features^T
    new: np.ndarray  # (m, n): of the new points
    Y: np.ndarray  # (n, q): labels
    lam: float

    @property
    def n(self):
        return len(self.d)

    @property
    def K_new(self):
        return self.new @ self.features.T

    @property
    def spectrum(self):
        return Spectrum(self.d, floats(self.Q))

    @property
    def spread(self):
        """Condition number of K + lam I: what a solve in floats may lose."""
        return (self.d[0] + self.lam) / (self.d[-1] + self.lam)


def problem(rng, i, *, n=None, outputs=1, new=2):
    """Draw a problem; the kind of spectrum runs with `i` as in `refits.KINDS`."""
    d = refits.eigenvalues(rng, i, n)
    n = len(d)
    Q = mirror(rng, n)
    features = Q * np.array([mp.sqrt(v) for v in exact(d)])
    at_new = exact(rng.standard_normal((new, n)))
    labels = rng.standard_normal((n, outputs)) + np.sign(rng.standard_normal((n, outputs)))
    lam = refits.ridge_near(rng, d)
    return Problem(d, Q, gram(Q, d), features, at_new, Q @ exact(labels), lam)


def weight(rng, i):
    """Draw a weight on the labels: anywhere in [0, 1], 0, 1, close to 0 or close to 1."""
    near = 10.0 ** rng.uniform(-9, -3)
    return [float(rng.uniform(0.02, 0.98)), 0.0, 1.0, near, 1 - near][i // len(refits.KINDS) % 5]


def weights(rng, i, rounds):
    """Draw a weight for every round: all the same, or different ones."""
    if i % 2:
        return np.full(rounds, weight(rng, i))
    return np.array([weight(rng, int(k)) for k in rng.integers(0, 25, rounds)])


class Pair(NamedTuple):
    """Two directions of one kernel, d_k >= d_j > 0, among others."""

    spectrum: np.ndarray  # (n,), eigenvalues
    Q: np.ndarray  # (n, n), eigenvectors
    k: int
    j: int
    lam: float

    @property
    def d(self):
        """The two eigenvalues, the larger one first."""
        return self.spectrum[self.k], self.spectrum[self.j]

    @property
    def distinct(self):
        return self.d[0] > self.d[1]

    def both(self, alphas, lam=None):
        """Measured filters along the two directions after every fit, shape (rounds, 2, ...)."""
        lam = self.lam if lam is None else lam
        return filters(self.Q, self.spectrum, lam, alphas)[:, [self.k, self.j]]

    def ratios(self, alphas, lam=None):
        """Measured ratios b_k / b_j after every fit."""
        b = self.both(alphas, lam)
        return b[:, 0] / b[:, 1]


def pair(rng, i, *, distinct=False):
    """Draw a pair; every fifth one of equal eigenvalues, unless they must be `distinct`."""
    kind = KINDS[i % len(KINDS)]
    d = refits.eigenvalues(rng, refits.KINDS.index("mild"), n=3)
    if kind == "twelve decades":
        d = 10.0 ** np.array([6.0, rng.uniform(-6, 6), -6.0])
    if kind == "close":
        d[1:] = d[0] * (1 - 10.0 ** -rng.uniform(2, 9, 2))
    if kind == "with zeros":
        d[2] = 0.0
    if kind == "repeated" and not distinct:
        d[1] = d[0]
    d = np.sort(d)[::-1]
    k, j = (0, 1) if kind in ("repeated", "with zeros") else (0, int(rng.integers(1, 3)))
    return Pair(d, mirror(rng, 3), k, j, ridge_between(rng, d[k], d[j]))


def ridge_between(rng, *d):
    """Draw a ridge between the two eigenvalues or up to three decades away."""
    low, high = np.log10(min(d)), np.log10(max(d))
    return float(10.0 ** rng.uniform(low - 3, high + 3))


# ------------------------------------------------------------------------ dense fits


def floats(A):
    """Return an array of 250-digit numbers as one of floats."""
    return np.asarray(A).astype(float)


def square(A):
    """Sum of the squares of all entries."""
    return (np.asarray(A) ** 2).sum()


def mirror(rng, n):
    """Return a random exactly symmetric orthogonal matrix (a Householder mirror)."""
    v = exact(rng.standard_normal(n))
    return exact(np.eye(n)) - np.outer(v, v) * (2 / (v @ v))


def gram(Q, d):
    """Return Q diag(d) Q as a dense matrix."""
    return Q * exact(d) @ Q


def solve(A, B):
    """Solve A X = B by elimination with row pivoting; A is (n, n), B is (n, q)."""
    n, work = len(A), np.hstack([A, B])
    for k in range(n):
        pivot = k + max(range(n - k), key=lambda r: abs(work[k + r, k]))
        work[[k, pivot]] = work[[pivot, k]]
        work[k] = work[k] / work[k, k]
        others = np.arange(n) != k
        work[others] = work[others] - np.outer(work[others, k], work[k])
    return work[:, n:]


def dual(K, lam, targets):
    """Coefficients of one ridge fit, (K + lam I)^-1 targets."""
    return solve(K + exact(np.eye(len(K))) * mp.mpf(lam), targets)


def duals(K, lam, Y, alphas, start=None):
    """Coefficients of every fit of a chain: each to a mix of the labels and the fit before.

    `alphas` has one weight a round, or one a round and output. The first teacher is `start`;
    without one it is the labels.
    """
    inverse, values, kept = dual(K, lam, exact(np.eye(len(K)))), Y if start is None else start, []
    for alpha in exact(alphas):
        kept.append(inverse @ (Y * alpha + values * (1 - alpha)))
        values = K @ kept[-1]
    return kept


def fits(K, lam, Y, alphas, start=None):
    """Fitted values of every fit of a chain, shape (rounds, *Y.shape)."""
    return np.array([K @ c for c in duals(K, lam, Y, alphas, start)])


def filters(Q, d, lam, alphas):
    """Measured filters of a chain, shape (rounds, n), or of several at once, (rounds, n, chains).

    The labels have coefficient 1 along every eigenvector; what is left of it is the filter. The
    rounding of the solves is not told from 0.
    """
    alphas = np.asarray(alphas, object)
    labels = Q @ exact(np.ones((len(d), *(alphas.shape[1:] or [1]))))
    left = Q @ fits(gram(Q, d), lam, labels, alphas)
    left = np.where(abs(left) < mp.mpf("1e-180"), mp.mpf(0), left)
    return left if alphas.ndim > 1 else left[..., 0]


def compose(A, b, doublings):
    """Run the affine map v -> A v + b 2^doublings times: return the A and b of all of it."""
    for _ in range(doublings):
        A, b = A @ A, A @ b + b
    return A, b


def minimize(quadratic, shape):
    """Minimizer of a strictly convex quadratic function of an array, from its values alone.

    Raises ValueError if it is not strictly convex.
    """
    size = int(np.prod(shape))
    unit = exact(np.eye(size)).reshape(size, *shape)
    at_zero, once = quadratic(unit[0] * 0), [quadratic(u) for u in unit]
    H, g = exact(np.zeros((size, size))), exact(np.zeros((size, 1)))
    for k in range(size):
        H[k, k] = quadratic(unit[k] * 2) - 2 * once[k] + at_zero
        g[k, 0] = once[k] - at_zero - H[k, k] / 2
        for j in range(k):
            H[k, j] = H[j, k] = quadratic(unit[k] + unit[j]) - once[k] - once[j] + at_zero
    mp.cholesky(mp.matrix(H.tolist()))
    return -solve(H, g).reshape(shape)


# -------------------------------------------------------------------- comparing numbers


def apart(lhs, rhs, scale=None):
    """Largest difference of two 250-digit arrays, relative to the largest entry or to `scale`.

    `scale` may be an array; where it is 0 the difference itself counts.
    """
    lhs, rhs = (np.atleast_1d(np.asarray(v, object)) for v in (lhs, rhs))
    if scale is None:
        scale = max(abs(lhs).max(), abs(rhs).max())
    scale = np.asarray(scale, object)
    return float((abs(lhs - rhs) / np.where(scale == 0, 1, scale)).max())


def same(lhs, rhs, scale=None):
    """Verdict that two 250-digit arrays are equal."""
    return equal(apart(lhs, rhs, scale), 0.0, tol=SAME, scale=1.0)


def close(library, measured, scale=None, tol=1e-12):
    """Verdict that floats are equal to 250-digit numbers, each relative to itself or to `scale`."""
    measured = np.asarray(measured, object)
    scale = abs(measured) if scale is None else scale
    return equal(apart(exact(library), measured, scale), 0.0, tol=tol, scale=1.0)


@np.vectorize
def sign(larger, smaller):
    """Sign of a difference of 250-digit numbers, 0.0 if they are equal up to rounding."""
    difference = larger - smaller
    if abs(difference) <= SAME * max(abs(larger), abs(smaller)):
        return 0.0
    return float(mp.sign(difference))
