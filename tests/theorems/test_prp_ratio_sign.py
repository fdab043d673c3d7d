"""Whether the ratio of two filter values rises in a round: a threshold for alpha decides."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, both, equal

mp = mixed.mp

ROUNDS = 5


class Instance(NamedTuple):
    pair: mixed.Pair
    alpha: float
    b: np.ndarray  # (ROUNDS + 1, 2): filters after 0, 1, ... fits along k and j, 250 digits

    @property
    def a(self):
        """Filter of one fit along k and j."""
        return self.b[1]


def draw(rng, i):
    """Every other weight is drawn near the place where the ratio of some round turns."""
    pair, alpha = mixed.pair(rng, i, distinct=True), mixed.weight(rng, i)
    if i % 2:
        alpha = float(10.0 ** rng.uniform(-2, 0))
        for _ in range(10):  # the threshold depends on alpha through b
            turn = float(mixing.ratio_threshold(*pair.d, pair.lam, alpha, ROUNDS - i % 3))
            alpha = np.clip((alpha + min(turn, 1.0)) / 2, 0, 1)
        off = rng.choice([-1, 1]) * 10.0 ** rng.uniform(-5, -1)
        alpha = float(np.clip(alpha * (1 + off), 0, 1))
    b = np.concatenate([mixed.exact(np.ones((1, 2))), pair.both(np.full(ROUNDS, alpha))])
    return Instance(pair, alpha, b)


def threshold(a, b, *, lost=lambda a, b: a * (1 / b - 1), swap=1, otherwise=2):
    """Weight below which the ratio rises, from the filters b of the round before."""
    k, j = lost(a, b)
    below = (j - k) * swap
    return (a[0] - a[1]) / below if below > mixed.SAME else mp.mpf(otherwise)


def claims(x, *, late=0, order=1, alpha=lambda v: v, turn=threshold, **wrong):
    change = mixed.sign(x.b[1:, 0] * x.b[:-1, 1], x.b[:-1, 0] * x.b[1:, 1])  # rho_t - rho_(t-1)
    turns = [turn(x.a, x.b[t + late], **wrong) for t in range(ROUNDS)]
    return equal(order * mixed.sign(turns, alpha(mp.mpf(x.alpha))), change, scale=1.0)


def library(x):
    """Verdicts on the threshold of the library, as far as floats can tell the two directions."""
    got = mixing.ratio_threshold(*x.pair.d, x.pair.lam, x.alpha, np.arange(1, ROUNDS + 1))
    yield equal(np.isinf(got[0]), True)
    for value, b in zip(got[1:], x.b[1:-1], strict=True):
        k, j = x.a * (1 / b - 1)
        lost = max((x.a / b)[1] / (j - k), 1 / (x.a[0] - x.a[1]))  # digits, in two differences
        if lost < 1e4:
            yield equal(value, float(threshold(x.a, b)))


def statement(x):
    return both(claims(x), *library(x))


RESULT = Result(
    label="prp-ratio-sign",
    assumptions=(
        "d_k > d_j > 0",
        "lam > 0, the same in every fit",
        "alpha in [0, 1], the same in every round",
        "tau >= 1; the filter of round 0 counts as 1",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "the ratio rises in every round": Mutant(lambda x: claims(x, turn=lambda a, b: mp.mpf(2))),
        "rises above the threshold": Mutant(lambda x: claims(x, order=-1)),
        "b of this round": Mutant(lambda x: claims(x, late=1)),
        "1/b in place of 1/b - 1": Mutant(lambda x: claims(x, lost=lambda a, b: a / b)),
        "k and j swapped below": Mutant(lambda x: claims(x, swap=-1)),
        "falls where the denominator is not positive": Mutant(lambda x: claims(x, otherwise=-1)),
        "alpha and 1 - alpha swapped": Mutant(lambda x: claims(x, alpha=lambda v: 1 - v)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
