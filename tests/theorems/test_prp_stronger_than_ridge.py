"""Refits with lam shrink every direction at least as much as one ridge with tau * lam."""

from typing import NamedTuple

import numpy as np

from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less

ROUNDS = np.arange(1, 5)


class Instance(NamedTuple):
    excess: np.ndarray  # ridge filter / refit filter - 1 for d > 0, shape (rounds, rank)
    nothing: float  # largest filter value where d = 0, of both procedures


def draw(rng, i, *, growth=1.0, extra=0):
    d = refits.eigenvalues(rng, i)
    lam = refits.ridge_near(rng, d)
    rank = np.count_nonzero(d)
    refitted = refits.filter_values(rng, d, lam * growth ** np.arange(len(ROUNDS)))
    ridges = [refits.filter_values(rng, d, [(tau + extra) * lam])[0] for tau in ROUNDS]
    excess = [
        [float(one / many - 1) for one, many in zip(ridge[:rank], row[:rank], strict=True)]
        for ridge, row in zip(ridges, refitted, strict=True)
    ]
    nothing = max((abs(float(v)) for row in refitted + ridges for v in row[rank:]), default=0.0)
    return Instance(np.array(excess), nothing)


def check(x, *, sign=1, strict_at_one=False):
    first = x.excess[0] if strict_at_one else 1.0
    return both(
        equal(x.nothing, 0.0, tol=1e-40, scale=1.0),
        equal(x.excess[0], np.zeros_like(x.excess[0]), tol=1e-40, scale=1.0),
        less(0.0, sign * x.excess[1:], scale=1.0),
        less(0.0, first, scale=1.0),
    )


RESULT = Result(
    label="prp-stronger-than-ridge",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "tau a whole number; equality exactly for tau = 1 or d = 0",
    ),
    draw=draw,
    statement=check,
    mutants={
        "the ridge shrinks more": Mutant(lambda x: check(x, sign=-1)),
        "strict at tau = 1 too": Mutant(lambda x: check(x, strict_at_one=True)),
        "one ridge with (tau + 1) lam": Mutant(draw=lambda r, i: draw(r, i, extra=1)),
        "a ridge that halves from fit to fit": Mutant(draw=lambda r, i: draw(r, i, growth=0.5)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
