"""Between r_0 - 1 and r_0^2 rounds, and what one round takes off the norm."""

import math

import numpy as np

from distill_lib.kernel import Spectrum, constrained
from tests.theorems import collapsing_paths as paths
from tests.theorems.ledger import Mutant, Result, at_most, both

ROUNDING = 1e-12


def draw(rng, i):
    return paths.draw(rng, i, singular=True, whole=i % 4 == 0)


def strictly_fewer(rounds, bound):
    """rounds < bound, where equality up to rounding does not count."""
    return at_most(rounds + ROUNDING * bound, bound, tol=0.0, scale=1)


def library(x):
    """Bounds of the library for targets of this size."""
    n = len(x.d)
    y = x.r[0] * np.eye(n)[0]
    return constrained.guaranteed_rounds(Spectrum(x.d, np.eye(n)), y, 1 / n)


def by_square(r):
    return np.sqrt(np.maximum(r**2 - 1, 0))


def claims(x, *, lost=1.0, more=0, upper=by_square, square=0.0, regular=None, gain=1.0):
    r, after = x.r[:-1], x.r[1:]
    parts = [
        at_most(r - lost, after, tol=1e-9, scale=x.r[0]),
        at_most(after**2, upper(r) ** 2, tol=1e-9, scale=x.r[0] ** 2),
        at_most(math.ceil((x.r[0] - 1) * (1 - ROUNDING)) + more, x.rounds, scale=1),
        strictly_fewer(x.rounds, x.r[0] ** 2 - square),
        at_most(library(x).lower, x.rounds, scale=1),
        at_most(x.rounds, library(x).upper, scale=1),
    ]
    if x.regular if regular is None else regular:
        parts.append(at_most(after, r - gain / x.kappa, tol=1e-9, scale=x.r[0]))
        parts.append(strictly_fewer(x.rounds, x.kappa * (x.r[0] - 1) / gain + 1))
    return both(*parts)


RESULT = Result(
    label="thm-rounds-two-sided",
    assumptions=(
        "K symmetric positive semidefinite",
        "round 0 strictly feasible and not collapsed",
        "the same tolerance in every round",
        "K positive definite for the two bounds with kappa",
    ),
    draw=draw,
    statement=claims,
    mutants={
        "one round more": Mutant(lambda x: claims(x, more=1)),
        "a round takes less than one": Mutant(lambda x: claims(x, lost=0.99)),
        "r - 1 as upper bound": Mutant(lambda x: claims(x, upper=lambda r: r - 1)),
        "sqrt(r^2 - 2) as upper bound": Mutant(
            lambda x: claims(x, upper=lambda r: np.sqrt(np.maximum(r**2 - 2, 0)))
        ),
        "fewer than r0^2 - 1 rounds": Mutant(lambda x: claims(x, square=1.0)),
        "singular kernel in the bounds with kappa": Mutant(lambda x: claims(x, regular=True)),
        "two over kappa": Mutant(lambda x: claims(x, gain=2.0)),
    },
    instances=300,
)
test_holds, test_mutants_fail = RESULT.tests()
