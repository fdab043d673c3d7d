"""Every mixed fit is a combination of plain refits, with weights that add up to 1."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters, mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

mp = mixed.mp

ROUNDS = 4


class Instance(NamedTuple):
    problem: mixed.Problem
    alpha: np.ndarray  # (ROUNDS,), the first has no effect
    constant: bool
    chain: np.ndarray  # (ROUNDS, n): filters of the mixed chain, measured
    plain: np.ndarray  # (ROUNDS, n): those of the plain refits
    predicted: np.ndarray  # (ROUNDS, m): predictions of the mixed chain at new points


def draw(rng, i, *, ignored=False):
    """Every third instance has weights outside [0, 1]; `ignored`: the last teacher is."""
    x = mixed.problem(rng, i)
    alpha = mixed.weights(rng, i, ROUNDS) if i % 3 else rng.uniform(-1, 2, ROUNDS)
    used = np.where(np.arange(ROUNDS) == ROUNDS - 1, 1.0, alpha) if ignored else alpha
    chain = mixed.filters(x.Q, x.d, x.lam, used)
    plain = mixed.filters(x.Q, x.d, x.lam, np.zeros(ROUNDS))
    predicted = [(x.K_new @ c)[:, 0] for c in mixed.duals(x.K, x.lam, x.Y, used)]
    return Instance(x, alpha, bool(np.ptp(alpha) == 0), chain, plain, np.array(predicted))


def by_formula(alpha, tau, *, later=0, reverse=False, first=1):
    """Weights w_k of tau fits; `later` is added to the first index of the product."""
    alpha = [alpha[0] if first is None else mp.mpf(first), *mixed.exact(alpha[1:])]
    w = []
    for k in range(1, tau + 1):
        factors = [1 - alpha[j - 1] for j in range(tau - k + 2 + later, tau + 1)]
        w.append(mp.fprod([alpha[tau - k], *factors]))
    return np.array(w[::-1] if reverse else w)


def for_constant(alpha, tau):
    """The same for one weight alpha in all rounds, as a geometric sum and a remainder."""
    alpha = mp.mpf(float(alpha))
    return np.array([alpha * (1 - alpha) ** k for k in range(tau - 1)] + [(1 - alpha) ** (tau - 1)])


def library(x):
    """Verdicts on the library: weights, filters and predictions at new points."""
    p = x.problem
    W = mixing.power_weights(x.alpha, ROUNDS, unrestricted=True)
    yield equal(W.sum(1), np.ones(ROUNDS), tol=1e-14, scale=np.abs(W).sum(1).max())
    for tau in range(1, ROUNDS + 1):
        w = by_formula(x.alpha, tau)
        yield mixed.close(W[tau - 1, :tau], w, scale=abs(w).sum(), tol=1e-14)
        b = filters.distilled(p.d, p.lam, tau, x.alpha[:tau], unrestricted=True)
        yield mixed.close(b, x.chain[tau - 1], scale=abs(w) @ x.plain[:tau])
    if p.spread < 1e4:
        y, K_new = mixed.floats(p.Y[:, 0]), mixed.floats(p.K_new)
        refits = mixing.refit_predictions(p.spectrum, y, p.lam, K_new, ROUNDS)
        size = np.abs(W).sum(1).max() * np.abs(refits).max()
        yield mixed.close(W @ refits, x.predicted, scale=size, tol=1e-11)


def claims(x, *, weights=by_formula, shift=0, positive=None, true=False):
    parts = []
    positive = bool((x.alpha >= 0).all() and (x.alpha <= 1).all()) if positive is None else positive
    for tau in range(1, ROUNDS + 1 - shift):
        w = weights(x.alpha, tau)
        terms = x.plain[shift : tau + shift] * w[:, None]
        parts += [
            mixed.same(terms.sum(0), x.chain[tau - 1], scale=abs(terms).sum(0)),
            mixed.same(w.sum(), 1, scale=abs(w).sum()),
        ]
        if x.constant and weights is by_formula:
            parts.append(mixed.same(w, for_constant(x.alpha[0], tau)))
        if positive:
            parts.append(at_most(0.0, mixed.floats(w), scale=1.0))
    return both(*parts, *(library(x) if true else ()))


RESULT = Result(
    label="prp-mixed-closed-form",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "the first teacher is the labels themselves",
        "any real weights; in [0, 1] for the sign of the w_k",
    ),
    draw=draw,
    statement=lambda x: claims(x, true=True),
    mutants={
        "weights in the order of the rounds": Mutant(
            lambda x: claims(x, weights=lambda a, tau: by_formula(a, tau, reverse=True))
        ),
        "product starts one round later": Mutant(
            lambda x: claims(x, weights=lambda a, tau: by_formula(a, tau, later=1))
        ),
        "alpha and 1 - alpha swapped": Mutant(
            lambda x: claims(x, weights=lambda a, tau: by_formula(1 - a, tau))
        ),
        "the first weight not counted as 1": Mutant(
            lambda x: claims(x, weights=lambda a, tau: by_formula(a, tau, first=None))
        ),
        "exponent k + 1": Mutant(lambda x: claims(x, shift=1)),
        "never negative, whatever alpha": Mutant(lambda x: claims(x, positive=True)),
        "the last teacher is ignored": Mutant(draw=lambda rng, i: draw(rng, i, ignored=True)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
