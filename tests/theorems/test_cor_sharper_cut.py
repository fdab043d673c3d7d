"""Refits matched to a ridge at one eigenvalue: higher above it, lower below it, one crossing."""

from typing import NamedTuple

import numpy as np

from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less


class Instance(NamedTuple):
    d: np.ndarray  # positive eigenvalues
    meeting: float  # where the two filters are matched
    matched: np.ndarray  # log of refit filter / ridge filter, the ridge matched at `meeting`
    weaker: np.ndarray  # the same for a ridge lam' <= tau lam
    crossings: int  # of the refits with some ridge lam' > tau lam, over all d


def crossings(lam, rounds, other):
    """Count where (1 + lam v)^tau - 1 - lam' v changes its sign, over v = 1/d on a log grid."""
    v = np.logspace(-5, 5, 4000) / lam
    return int(np.count_nonzero(np.diff(np.sign(np.expm1(rounds * np.log1p(lam * v)) - other * v))))


def draw(rng, i, *, rounds=None, ridge=None):
    d = refits.eigenvalues(rng, i)
    lam = refits.ridge_near(rng, d)
    rounds = rounds or int(rng.integers(2, 6))
    meeting = float(rng.choice(d[d > 0]) * 10.0 ** rng.uniform(-1, 1))
    point = refits.mp.mpf(meeting)
    matched = point * ((1 + lam / point) ** rounds - 1)
    below = rounds * lam * rng.uniform(0.01, 1)
    row = refits.filter_values(rng, d, [lam] * rounds)[-1]
    logs, stronger = [], (1 + 10.0 ** rng.uniform(-2, 2)) * rounds * lam
    for other in (ridge(rounds, lam, matched) if ridge else matched, below):
        single = refits.filter_values(rng, d, [other])[0]
        rank = np.count_nonzero(d)
        logs.append(refits.logs(a / b for a, b in zip(row[:rank], single[:rank], strict=True)))
    return Instance(d[d > 0], meeting, *logs, crossings(lam, rounds, stronger))


def check(x, *, above=1, below=-1, expected=1):
    side = np.where(x.d > x.meeting, above, below)
    return both(
        less(0.0, side * x.matched, scale=1.0),
        less(x.weaker, 0.0, scale=1.0),
        equal(x.crossings, expected),
    )


RESULT = Result(
    label="cor-sharper-cut",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "tau >= 2",
        "the ridge lam' is chosen so that the two filters agree at d0 > 0",
    ),
    draw=draw,
    statement=check,
    mutants={
        "lower above, higher below": Mutant(lambda x: check(x, above=-1, below=1)),
        "higher on both sides": Mutant(lambda x: check(x, below=1)),
        "a ridge beyond tau lam is never matched": Mutant(lambda x: check(x, expected=0)),
        "tau = 1": Mutant(draw=lambda r, i: draw(r, i, rounds=1)),
        "lam' = tau lam in place of the matched one": Mutant(
            draw=lambda r, i: draw(r, i, ridge=lambda rounds, lam, matched: rounds * lam)
        ),
        "lam' twice the matched one": Mutant(
            draw=lambda r, i: draw(r, i, ridge=lambda rounds, lam, matched: 2 * matched)
        ),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
