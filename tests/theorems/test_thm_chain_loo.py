"""The leave-one-out predictions of a whole chain, from one decomposition and no refit."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import selection
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, both, equal

mp = mixed.mp

ROUNDS = 3


class Instance(NamedTuple):
    problem: mixed.Problem
    alpha: np.ndarray  # (ROUNDS,), the first has no effect
    plain: np.ndarray  # (ROUNDS, n): predictions at point i of chains that never saw it
    mixed: np.ndarray  # (ROUNDS, n): the same with labels in the mix
    R: np.ndarray  # (ROUNDS + 1, n): (H^k (I - H) y)_i with H the fit to all points
    S: np.ndarray  # (ROUNDS + 1, n): (H^k (I - H))_ii


def without(i, x, alphas, start=None):
    """Predictions at point i of every fit of chains on the other points, by dense fits."""
    rest = np.arange(x.n) != i
    labels = np.hstack([x.Y[rest]] * alphas.shape[1])
    found = mixed.duals(x.K[np.ix_(rest, rest)], x.lam, labels, alphas, start)
    return [x.K[i, rest] @ c for c in found]


def draw(rng, i):
    """Draw 2 to 4 points; every fourth instance has weights outside [0, 1]."""
    x = mixed.problem(rng, i, n=2 + i % 3, new=1)
    alpha = mixed.weights(rng, i, ROUNDS) if i % 4 else rng.uniform(-1, 2, ROUNDS)
    both_alphas = np.column_stack([np.zeros(ROUNDS), alpha])
    plain, chains = np.moveaxis([without(k, x, both_alphas) for k in range(x.n)], (0, 2), (2, 0))
    H = x.K @ mixed.dual(x.K, x.lam, mixed.exact(np.eye(x.n)))
    power, R, S = mixed.exact(np.eye(x.n)) - H, [], []
    for _ in range(ROUNDS + 1):
        R.append((power @ x.Y)[:, 0])
        S.append(np.diag(power))
        power = H @ power
    return Instance(x, alpha, plain, chains, np.array(R), np.array(S))


def predictions(x, *, shift=0, lag=0, sign=-1, root=1):
    """Predictions from the quotient of the two power series."""
    R, S, c, kept = x.R[shift:], x.S[shift:], [], []
    for k in range(ROUNDS):
        known = sum((c[m] * S[max(k - m - lag, 0)] for m in range(k)), R[k] * 0)
        c.append((R[k] - known) / S[0] ** root)
        kept.append(x.problem.Y[:, 0] + sum(c) * sign)
    return np.array(kept)


def short_cut(x):
    """Wrong after the first fit: y - (y - B y) / (1 - B_ii) with the smoother B of the chain.

    I - B = (I - H) + H (I - H) + ..., so that numerator and denominator are sums of R and S.
    """
    return x.problem.Y[:, 0] - (x.R.cumsum(0) / x.S.cumsum(0))[:ROUNDS]


def teachers_saw(x):
    """Wrong: only the last fit of a plain chain leaves point i out. Two points are enough."""
    p, plain = x.problem, []
    if p.n > 2:
        return None
    for t in range(ROUNDS):
        teacher = mixed.fits(p.K, p.lam, p.Y, [0] * t)[-1] if t else p.Y
        start = [np.delete(teacher, k, 0) for k in range(p.n)]
        plain.append([without(k, p, np.zeros((1, 1)), start[k])[0][0] for k in range(p.n)])
    return claims(x._replace(plain=np.array(plain)))


def mix(alpha, refits, *, reverse=False):
    """Predictions of the mixed chain: round after round one refit on, and labels mixed in."""
    rows, w = [], [mp.mpf(1)]
    for k in range(ROUNDS):
        if k:
            a = mp.mpf(float(alpha[-k if reverse else k]))
            w = [a, *((1 - a) * v for v in w)]
        rows.append(sum(v * f for v, f in zip(w, refits, strict=False)))
    return np.array(rows)


def claims(x, *, by=predictions, weights=lambda a: a, **wrong):
    refits = by(x)
    y = abs(x.problem.Y).max()
    size = np.abs(np.cumprod(1 + np.abs(x.alpha))).max() * y
    chains = mix(weights(x.alpha), refits, **wrong)
    return both(
        mixed.same(refits, x.plain, scale=y),
        mixed.same(chains, x.mixed, scale=size),
        mixed.same(short_cut(x)[0], x.plain[0], scale=y),  # for one fit they agree
    )


def library(x):
    """Verdicts on the library, as far as floats can tell: leverages close to 1 cost digits."""
    p, y = x.problem, mixed.floats(x.problem.Y[:, 0])
    size = np.cumprod(1 + 2 * np.abs(x.alpha)).max() * np.abs(y).max()
    got = selection.loo_predictions(p.spectrum, y, p.lam, x.alpha, ROUNDS, unrestricted=True)
    yield equal(got, mixed.floats(x.mixed), tol=1e-9, scale=size)
    plain = selection.loo_refits(p.spectrum, y, [p.lam], ROUNDS)[0]
    yield equal(plain, mixed.floats(x.plain), tol=1e-9, scale=np.abs(y).max())


RESULT = Result(
    label="thm-chain-loo",
    assumptions=(
        "K symmetric positive semidefinite, at least 2 points",
        "lam > 0, the same in every fit and without point i",
        "no fit of the chain saw point i: its teachers did not either",
        "any real weights",
    ),
    draw=draw,
    statement=lambda x: both(claims(x), *library(x)),
    mutants={
        "the short cut (y - yhat) / (1 - B_ii)": Mutant(lambda x: claims(x, by=short_cut)),
        "index of S off by one": Mutant(lambda x: claims(x, by=lambda x: predictions(x, lag=1))),
        "one power of H too many": Mutant(
            lambda x: claims(x, by=lambda x: predictions(x, shift=1))
        ),
        "not divided by 1 - H_ii": Mutant(lambda x: claims(x, by=lambda x: predictions(x, root=0))),
        "corrections added": Mutant(lambda x: claims(x, by=lambda x: predictions(x, sign=1))),
        "alpha and 1 - alpha swapped": Mutant(lambda x: claims(x, weights=lambda a: 1 - a)),
        "weights in the order of the refits": Mutant(lambda x: claims(x, reverse=True)),
        "teachers that saw point i": Mutant(teachers_saw),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
