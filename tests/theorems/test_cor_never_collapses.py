"""Labels that are heavy enough keep every round of the tolerance form from collapsing."""

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import tolerance_chains as chains
from tests.theorems.ledger import Mutant, Result, at_most, both, equal, less


def draw(rng, i, *, heavy=lambda alpha: alpha, dropped=False, mean=False, single=False):
    """Draw a path with heavy(alpha) |y|^2 > n eps in every round, by a hair or by a lot.

    Mutants: in every round but the `dropped` last third, or with eps in place of n eps (`mean`).
    """
    d, Q = chains.kernel(rng, i)
    y, n = chains.labels(rng, d, Q, outputs=1 + i % 2), len(d)
    lost, total = chains.lost(d, Q, y), (y**2).sum()
    tolerance = (lost + 10 ** rng.uniform(-3, -0.1) * (total - lost)) / n
    least = tolerance * (1 if mean else n) / total  # what heavy(alpha) must exceed
    floor = least * (1 + 10 ** rng.uniform(-6, 0))
    rounds = 60 if i % 10 == 0 else 10
    grid = np.r_[np.geomspace(1e-6, 1, 200), 1 - np.geomspace(1e-6, 1, 200), floor]
    allowed = grid[(heavy(grid) >= floor) & (grid <= 1)]
    if not allowed.size:
        allowed = np.array([1.0])
    alpha = np.full(rounds, allowed.min()) if i % 3 else rng.choice(allowed, rounds)
    if dropped:
        alpha[2 * rounds // 3 :] = 0.0
    return chains.path(d, Q, y, tolerance, alpha)


def survives(x):
    return equal(x.state == "collapsed", False)


def claims(x, *, share=lambda x, t: x.weight(t) * (x.y**2).sum(), long=False):
    parts = [survives(x)]
    for t in range(1, x.rounds):
        parts.append(less(x.budget, share(x, t)))
        parts.append(less(x.budget, x.misses(t, 0 * x.y)))  # zero is not within the tolerance
    for t, values in enumerate(x.library.targets[1:]):
        parts.append(at_most(x.misses(t, values), x.budget, tol=1e-8))  # every fit is
    if np.ptp(x.alpha[1:]) == 0 or long:
        parts.append(equal(x.library.rounds, len(x.alpha)))
    return both(*parts)


def statement(x):
    sure = mixing.never_collapses(x.y, x.tolerance, x.alpha[1:])
    return both(claims(x), equal(sure, True))


RESULT = Result(
    label="cor-never-collapses",
    assumptions=(
        "alpha |y|^2 > n eps in every round",
        "the rounds are feasible",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "|y|^2 > n eps, whatever alpha": Mutant(
            survives,
            draw=lambda rng, i: draw(rng, i, heavy=np.ones_like),
        ),
        "(1 - alpha) |y|^2 > n eps": Mutant(
            survives,
            draw=lambda rng, i: draw(rng, i, heavy=lambda alpha: 1 - alpha),
        ),
        "eps in place of n eps": Mutant(
            survives,
            draw=lambda rng, i: draw(rng, i, mean=True),
        ),
        "not in the last rounds": Mutant(
            survives,
            draw=lambda rng, i: draw(rng, i, dropped=True),
        ),
        "the teacher alone is too far from zero": Mutant(
            lambda x: claims(
                x, share=lambda x, t: (1 - x.weight(t)) * (x.library.targets[t] ** 2).sum()
            )
        ),
        "varying weights are feasible too": Mutant(lambda x: claims(x, long=True)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
