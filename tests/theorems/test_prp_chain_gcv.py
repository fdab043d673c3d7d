"""Generalized cross-validation of a chain: leave-one-out once a rotation makes all points alike."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import Spectrum, selection
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, both

mp = mixed.mp

ROUNDS = 3


class Instance(NamedTuple):
    problem: mixed.Problem
    alpha: float  # the same in every round
    scores: np.ndarray  # (ROUNDS,), mean squared leave-one-out errors of the rotated problem
    residuals: np.ndarray  # (ROUNDS + 1, n, 1): H^k (I - H) y with H one fit, not rotated
    traces: np.ndarray  # (ROUNDS + 1,), tr H^k, from k = 0


def rotation(n):
    """Return a unitary matrix whose entries have the same modulus; real for n = 2 and n = 4."""
    two = np.array([[1.0, 1.0], [1.0, -1.0]])
    if n in (2, 4):
        return mixed.exact(two if n == 2 else np.kron(two, two)) / mp.sqrt(n)
    turns = [[mp.expjpi(mp.mpf(2 * a * b) / n) for b in range(n)] for a in range(n)]
    return np.array(turns, object) / mp.sqrt(n)


def leave_one_out(K, Y, lam, alphas):
    """Mean squared errors, after every fit, of chains that never saw the point; by dense fits."""
    scores = 0
    for i in range(len(K)):
        rest = np.arange(len(K)) != i
        chain = mixed.duals(K[np.ix_(rest, rest)], lam, Y[rest], alphas)
        scores = scores + np.array([abs(Y[i, 0] - (K[i, rest] @ c)[0]) ** 2 for c in chain])
    return scores / len(K)


def draw(rng, i):
    x = mixed.problem(rng, i, n=2 + i % 3, new=1)
    alpha = mixed.weight(rng, i)
    turn = rotation(x.n)
    K = turn * mixed.exact(x.d) @ turn.conj().T
    scores = leave_one_out(K, turn @ (x.Q @ x.Y), x.lam, np.full(ROUNDS, alpha))
    H = x.K @ mixed.dual(x.K, x.lam, mixed.exact(np.eye(x.n)))
    power, residuals, traces = mixed.exact(np.eye(x.n)), [], []
    for _ in range(ROUNDS + 1):
        residuals.append(power @ (x.Y - H @ x.Y))
        traces.append(np.trace(power))
        power = H @ power
    return Instance(x, alpha, scores, np.array(residuals), np.array(traces))


def quotient(x, *, n=None, traces=None, root=1):
    """Errors of plain chains: the leave-one-out recursion with one mean for all diagonals."""
    S = (x.traces[:-1] - x.traces[1:] if traces is None else traces) / (n or x.problem.n)
    c = []
    for k in range(ROUNDS):
        known = sum((c[m] * S[k - m] for m in range(k)), x.residuals[k] * 0)
        c.append((x.residuals[k] - known) / S[0] ** root)
    return np.cumsum(c, axis=0)


def short_cut(x):
    """Wrong after the first fit: y - B y over 1 - tr B / n, with the smoother B of the chain."""
    shrink = 1 - x.traces[1:] / x.problem.n
    return x.residuals[:ROUNDS].cumsum(0) / shrink[:, None, None]


def claims(x, *, errors=quotient, alpha=None):
    """Errors of mixed chains are the same combinations of those of plain ones."""
    misses, w, parts = errors(x), [mp.mpf(1)], []
    a = mp.mpf(x.alpha if alpha is None else alpha)
    for tau in range(ROUNDS):
        w = [a, *((1 - a) * v for v in w)] if tau else w
        mixed_miss = sum(m * v for m, v in zip(misses, w, strict=False))
        score = mixed.square(mixed_miss) / x.problem.n
        parts.append(mixed.same(score, x.scores[tau]))
    usual = mixed.square(x.residuals[0]) / x.problem.n / (1 - x.traces[1] / x.problem.n) ** 2
    return both(*parts, mixed.same(usual, x.scores[0]))


def library(x):
    """Verdicts on the library, with and without the directions of eigenvalue 0."""
    y, s = mixed.floats(x.problem.Y[:, 0]), x.problem.spectrum
    seen = s.eigenvalues > 0
    for spectrum in (s, Spectrum(s.eigenvalues[seen], s.eigenvectors[:, seen])):
        scores = selection.gcv_errors(spectrum, y, [x.problem.lam], [x.alpha], ROUNDS)
        yield mixed.close(scores[0, 0], x.scores, tol=1e-9)


def not_rotated(x):
    """Wrong: the leave-one-out errors of the problem as it is."""
    p = x.problem
    return claims(x._replace(scores=leave_one_out(p.K, p.Y, p.lam, np.full(ROUNDS, x.alpha))))


RESULT = Result(
    label="prp-chain-gcv",
    assumptions=(
        "K symmetric positive semidefinite, at least 2 points",
        "lam > 0, the same in every fit",
        "the rotation is unitary with entries of one modulus, such as the discrete Fourier "
        "transform; a real one need not exist",
    ),
    draw=draw,
    statement=lambda x: both(claims(x), *library(x)),
    mutants={
        "trace not divided by n": Mutant(lambda x: claims(x, errors=lambda x: quotient(x, n=1))),
        "tr H^k in place of tr H^k (I - H)": Mutant(
            lambda x: claims(x, errors=lambda x: quotient(x, traces=x.traces[:-1]))
        ),
        "the short cut with tr B": Mutant(lambda x: claims(x, errors=short_cut)),
        "root of the denominator": Mutant(
            lambda x: claims(x, errors=lambda x: quotient(x, root=mp.mpf(0.5)))
        ),
        "alpha and 1 - alpha swapped": Mutant(lambda x: claims(x, alpha=1 - x.alpha)),
        "the points as they are, not rotated": Mutant(not_rotated),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
