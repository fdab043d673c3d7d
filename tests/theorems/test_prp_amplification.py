"""With every refit the filter's ratio between two directions grows by the same factor."""

from typing import NamedTuple

import numpy as np

from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less

ROUNDS = np.arange(1, 5)


class Instance(NamedTuple):
    strong: np.ndarray  # the larger eigenvalue of each pair
    weak: np.ndarray
    lam: float
    refits: np.ndarray  # log ratio over the cap log(strong / weak), shape (rounds, pairs)
    ridge: np.ndarray  # the same for one fit with another ridge, shape (pairs,)


def draw(rng, i, *, growth=1.0, alpha=0.0):
    d = refits.eigenvalues(rng, i)
    lam, other = refits.ridge_near(rng, d), refits.ridge_near(rng, d)
    pairs = [(k, j) for k in range(len(d)) for j in range(len(d)) if d[k] > d[j] > 0]

    def over_cap(row):
        return [row[k] * d[j] / (row[j] * d[k]) for k, j in pairs]

    rows = refits.filter_values(rng, d, lam * growth ** np.arange(len(ROUNDS)), alpha)
    single = refits.filter_values(rng, d, [other])[0]
    strong, weak = (np.array([d[p[side]] for p in pairs]) for side in (0, 1))
    measured = np.array([refits.logs(over_cap(row)) for row in rows])
    return Instance(strong, weak, lam, measured, refits.logs(over_cap(single)))


def check(x, *, shift=0, flip=False, capped=False):
    if len(x.strong) == 0:
        return None
    cap = np.log(x.strong / x.weak)
    strong, weak = (x.weak, x.strong) if flip else (x.strong, x.weak)
    growth = np.log1p(x.lam / weak) - np.log1p(x.lam / strong)
    ratio = x.refits + cap
    beyond = (ROUNDS[:, None] * growth > cap) | capped
    highest = -x.refits if capped else x.refits - x.ridge
    return both(
        equal(ratio, (ROUNDS + shift)[:, None] * growth, scale=np.abs(ratio).max()),
        less(0.0, np.diff(ratio, axis=0), scale=1.0),  # it grows with every refit
        less(x.ridge, 0.0, scale=1.0),  # one ridge stays below the ratio of the eigenvalues
        less(0.0, np.where(beyond, highest, 1.0), scale=1.0),
    )


RESULT = Result(
    label="prp-amplification",
    assumptions=(
        "K symmetric positive semidefinite",
        "lam > 0, the same in every fit",
        "two eigenvalues d_k > d_j > 0",
        "no ground truth mixed in (alpha = 0)",
    ),
    draw=draw,
    statement=check,
    instances=360,
    mutants={
        "d_k and d_j exchanged": Mutant(lambda x: check(x, flip=True)),
        "exponent tau - 1": Mutant(lambda x: check(x, shift=-1)),
        "refits capped by d_k / d_j, as one ridge is": Mutant(lambda x: check(x, capped=True)),
        "a ridge that shrinks from fit to fit": Mutant(draw=lambda r, i: draw(r, i, growth=0.9)),
        "a tenth of ground truth mixed in": Mutant(draw=lambda r, i: draw(r, i, alpha=0.1)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
