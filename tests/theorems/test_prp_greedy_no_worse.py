"""Weights chosen one round after the other never end above the first fit, on the same points."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import held_out
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, at_most, both, equal

mp = mixed.mp

ROUNDS = 4


class Instance(NamedTuple):
    problem: held_out.Problem
    free: np.ndarray  # (ROUNDS,), losses of the greedy rule over all real weights
    clipped: np.ndarray  # (ROUNDS,), over weights in [0, 1]
    refits: np.ndarray  # (ROUNDS, m), predictions of the plain refits


def draw(rng, i):
    x = held_out.problem(rng, i)
    free = held_out.greedy(x, ROUNDS)[1]
    clipped = held_out.greedy(x, ROUNDS, weight=held_out.clip)[1]
    return Instance(x, free, clipped, x.plain(ROUNDS))


def no_more(losses, bound):
    return at_most(0.0, mixed.sign(bound + losses * 0, losses), scale=1.0)


def claims(x):
    return both(no_more(x.free, x.free[0]), no_more(x.clipped, x.clipped[0]))


def library(x):
    """Verdicts on the library: its losses, and that none of them exceeds the first."""
    y, refits = mixed.floats(x.problem.y), mixed.floats(x.refits)
    for clip, losses in ((False, x.free), (True, x.clipped)):
        path = mixing.path_from_refits(refits, y, clip=clip)
        yield at_most(path.greedy_losses, path.greedy_losses[0])
        if x.problem.well_conditioned:
            yield equal(path.greedy_losses, mixed.floats(losses), tol=1e-8)


def never_rises(x):
    return no_more(x.free[1:], x.free[:-1])


def jointly_optimal(x):
    """Wrong: the greedy loss of round 3 is the least of all sequences."""
    if x.problem.distinct < 2:
        return None
    w = held_out.joint(x.refits[:3], x.problem.y)
    return no_more(x.free[2], mixed.square(w @ x.refits[:3] - x.problem.y) / len(x.problem.y))


def below_plain(x):
    return no_more(x.free, ((x.refits - x.problem.y) ** 2).mean(1))


def below_a_tuned_ridge(x):
    train = x.problem.train
    ridges = train.lam * 10.0 ** np.linspace(-2, 2, 9)
    misses = [train.K_new @ mixed.dual(train.K, r, train.Y)[:, 0] - x.problem.y for r in ridges]
    return no_more(x.free[-1:], min(mixed.square(m) for m in misses) / len(x.problem.y))


def with_weights(change):
    """Verdict on a greedy rule whose weights are changed."""
    return lambda x: no_more(held_out.greedy(x.problem, ROUNDS, weight=change)[1], x.free[0])


RESULT = Result(
    label="prp-greedy-no-worse",
    assumptions=(
        "the loss is that on the points on which the weights are chosen",
        "squared error, ridge fits with a fixed kernel and lam",
        "weights over all real numbers, or clipped to [0, 1]",
    ),
    draw=draw,
    statement=lambda x: both(claims(x), *library(x)),
    mutants={
        "never rises from round to round": Mutant(never_rises),
        "equals the joint optimum": Mutant(jointly_optimal),
        "no more than the plain refit of the same round": Mutant(below_plain),
        "no more than a tuned ridge": Mutant(below_a_tuned_ridge),
        "alpha and 1 - alpha swapped": Mutant(with_weights(lambda alpha: 1 - alpha)),
        "twice the best weight": Mutant(with_weights(lambda alpha: 2 * alpha)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
