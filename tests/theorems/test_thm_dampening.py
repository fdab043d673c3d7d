"""Dampening: the more weight on the labels, the smaller the ratio of two filter values."""

from typing import NamedTuple

import numpy as np

from distill_lib.kernel import mixing
from tests.theorems import mixed_chains as mixed
from tests.theorems.ledger import Mutant, Result, both, less

mp = mixed.mp

ROUNDS = 4


class Instance(NamedTuple):
    pair: mixed.Pair
    alpha: np.ndarray  # (3,), ascending
    values: np.ndarray  # (3, ROUNDS, 2), measured filters along the two directions, 250 digits


def draw(rng, i, *, distinct=True, shift=0.0, early=None):
    """Three weights from 0 to 1, some a hair apart, shared by all rounds, unless `early` is given.

    Then only round 2 has them. The later rounds have another one, which grows from each of the
    three chains to the next by the factor 1 + `early`.
    """
    pair = mixed.pair(rng, i, distinct=distinct)
    low = mixed.weight(rng, i)
    low = low if low < 0.99 else 0.5
    high = low + 10.0 ** rng.uniform(-9, 0) * (1 - low)
    alpha = np.array([low, high, 1.0]) + shift
    later = rng.uniform(0.05, 0.95)
    chains = [
        [a, a, *[a if early is None else later * (1 + early) ** k] * (ROUNDS - 2)]
        for k, a in enumerate(alpha)
    ]
    return Instance(pair, alpha, np.moveaxis(pair.both(np.transpose(chains)), -1, 0))


def ratio(b):
    return b[..., 0] / b[..., 1]


def claims(x, *, measure=ratio, first=2, order=1):
    """Strictly decreasing in alpha, from round `first` on."""
    found = measure(x.values)[:, first - 1 :]
    return less(0.0, mixed.sign(found[:-1], found[1:]) * order, scale=1.0)


def ends(x):
    """Verdicts on the two ends: rho_1^tau without labels, rho_1 with nothing else."""
    found = ratio(x.values)
    first = found[0, 0]
    yield mixed.same(found[x.alpha == 1], found[x.alpha == 1] * 0 + first)
    if x.alpha[0] == 0:
        yield mixed.same(found[0], [first**tau for tau in range(1, ROUNDS + 1)])


def statement(x):
    tau = np.arange(1, ROUNDS + 1)
    got = mixing.filter_ratio(*x.pair.d, x.pair.lam, x.alpha[:, None], tau)
    return both(claims(x), *ends(x), mixed.close(got, ratio(x.values)))


RESULT = Result(
    label="thm-dampening",
    assumptions=(
        "d_k > d_j > 0",
        "lam > 0, the same in every fit",
        "alpha in [0, 1], the same in every round",
        "tau >= 2, fixed",
    ),
    draw=draw,
    statement=statement,
    mutants={
        "rises with alpha": Mutant(lambda x: claims(x, order=-1)),
        "in round 1 too": Mutant(lambda x: claims(x, first=1)),
        "difference in place of ratio": Mutant(
            lambda x: claims(x, measure=lambda b: b[..., 0] - b[..., 1])
        ),
        "equal eigenvalues": Mutant(claims, draw=lambda rng, i: draw(rng, i, distinct=False)),
        "only the weight of round 2 is raised": Mutant(
            claims, draw=lambda rng, i: draw(rng, i, early=0.0)
        ),
        "weights that vary, each of them raised": Mutant(
            claims, draw=lambda rng, i: draw(rng, i, early=0.001)
        ),
        "alpha below 0": Mutant(claims, draw=lambda rng, i: draw(rng, i, shift=-1.5)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
