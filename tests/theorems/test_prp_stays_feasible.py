"""When a round of the tolerance form with labels in the mix is feasible whatever the data."""

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import tolerance_chains as chains
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

ROUNDS = 13
GRID = np.r_[np.geomspace(1e-6, 0.01, 20), np.linspace(0.0101, 0.9999, 300), 0.25, 0.5, 1.0]


def enough(alpha, before):
    """The condition for positive definite K; `before` holds the weights of all rounds before."""
    return alpha * (1 - alpha) <= before[-1]


def enough_for_all(alpha, before):
    """The condition for every positive semidefinite K."""
    return (alpha <= (1 + alpha) * before[-1]) | (alpha == 1)


def weights(rng, condition):
    """Draw weights that meet the condition: any, or small ones and then one as large as it may be.

    The weight of round 0 counts as 1.
    """
    alpha, any_weights = [1.0], rng.integers(0, 4) == 0
    for t in range(1, ROUNDS):
        allowed = GRID[condition(GRID, alpha)]
        low = allowed[allowed <= 0.5]
        if any_weights or not low.size:
            alpha.append(rng.choice(allowed))
        elif t == 1:
            alpha.append(rng.choice(low[low < 0.3]))
        else:
            alpha.append(alpha[-1] if t % 6 and alpha[-1] in allowed else low.max())
    return np.array(alpha)


def draw(rng, i, *, condition=None, singular=False):
    """Draw paths of three kinds: one weight for all rounds; K positive definite; any K.

    Some of the second kind meet the condition with equality in the end.
    Mutants: only the second kind, with another condition, or with a singular K.
    """
    exactly = condition is None and i % 24 == 1
    kind = i % 3 if condition is None else 1
    condition = condition or (enough, enough_for_all)[kind - 1]
    d, Q = chains.kernel(rng, i // 3, singular=singular if kind == 1 else None)
    y = chains.labels(rng, d, Q, outputs=1 + i % 2)
    lost, total = chains.lost(d, Q, y), (y**2).sum()
    tolerance = (lost + 10 ** rng.uniform(-5, -0.3) * (total - lost)) / len(d)
    if lost and kind:  # what no function can fit takes nearly all of the tolerance
        y = y + Q[:, :1] * 1e3 * np.sqrt(total)
        tolerance = lost * (1 + 10 ** rng.uniform(-3, -1)) / len(d)
    alpha = weights(rng, condition) if kind else np.full(ROUNDS, rng.choice(GRID))
    if exactly:
        alpha = np.r_[1.0, np.full(ROUNDS - 2, 0.25), 0.5]
    return chains.path(d, Q, y, tolerance, alpha)


def claims(x):
    least = np.array([x.least(t) for t in range(x.rounds)])
    return both(equal(x.library.feasible, True), at_most(least, x.budget, tol=1e-9))


def statement(x):
    before = np.r_[1.0, x.alpha[1:-1]]
    singular = bool((x.d == 0).any())
    meets = mixing.stays_feasible(x.alpha[1:], before, singular=singular)
    return both(claims(x), equal(meets, np.ones(ROUNDS - 1)))


def mutant(condition, singular=False):
    return Mutant(claims, draw=lambda rng, i: draw(rng, i, condition=condition, singular=singular))


RESULT = Result(
    label="prp-stays-feasible",
    assumptions=(
        "round 0 is feasible, and its weight counts as 1",
        "the same alpha in (0, 1] in every round, and K positive semidefinite",
        "or K positive definite, and alpha (1 - alpha) at most the weight of the round before",
        "or K positive semidefinite, and alpha / (1 + alpha) at most that weight, or alpha = 1",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "any weights": mutant(lambda alpha, before: alpha >= 0),
        "alpha^2 (1 - alpha) at most the weight before": mutant(
            lambda alpha, before: alpha**2 * (1 - alpha) <= before[-1]
        ),
        "at most 1.05 times the weight before": mutant(
            lambda alpha, before: alpha * (1 - alpha) <= 1.05 * before[-1]
        ),
        "the weight two rounds before": mutant(
            lambda alpha, before: alpha * (1 - alpha) <= before[max(len(before) - 2, 0)]
        ),
        "roles of the two weights swapped": mutant(
            lambda alpha, before: before[-1] * (1 - before[-1]) <= alpha
        ),
        "alpha (1 - alpha) for a singular K": mutant(enough, singular=True),
        "1 + 1.05 alpha in place of 1 + alpha": mutant(
            lambda alpha, before: alpha <= (1 + 1.05 * alpha) * before[-1], singular=True
        ),
        "1 + 2 alpha in place of 1 + alpha": mutant(
            lambda alpha, before: alpha <= (1 + 2 * alpha) * before[-1], singular=True
        ),
    },
    instances=240,
)
test_holds, test_mutants_fail = RESULT.tests()
