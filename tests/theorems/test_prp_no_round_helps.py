"""A teacher with lam theta_j^2 >= sigma^2 d_j in every direction is only harmed by refits."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, at_most, less


class Instance(NamedTuple):
    d: np.ndarray
    gain: np.ndarray  # (R_(tau+1) - R_tau) / R_tau from explicit refits, tau = 1, 2, 3


def draw(rng, i, *, factor=1.0, spare=lambda d, power: 10.0**power):
    d = refits.eigenvalues(rng, i)
    lam, sigma = refits.ridge_near(rng, d), 10.0 ** rng.uniform(-1, 1)
    if i % 20 == 19:
        d = np.zeros(2)  # K = 0: nothing changes
    power = rng.uniform(0, 1.5, len(d)) * rng.choice([0, 1], len(d))  # often with equality
    theta = sigma * np.sqrt(factor * d / lam * spare(d, power)) * rng.choice([-1, 1], len(d))
    theta = np.where(d > 0, theta, sigma * rng.standard_normal(len(d)))  # any truth where d = 0
    values = refits.risks(rng, d, theta, sigma, [lam] * 4)
    pairs = pairwise(values)
    return Instance(d, np.array([float((after - before) / before) for before, after in pairs]))


def check(x, *, sign=1):
    worse = less if x.d.any() else at_most
    return worse(0.0, sign * x.gain, scale=1.0)


RESULT = Result(
    label="prp-no-round-helps",
    assumptions=(
        "the model of the risk formula: fixed inputs, uncorrelated noise of variance sigma^2 > 0",
        "lam theta_j^2 >= sigma^2 d_j for every j",
        "for the strict form: K not 0",
    ),
    draw=draw,
    statement=check,
    mutants={
        "every round helps": Mutant(lambda x: check(x, sign=-1)),
        "2 lam theta^2 >= sigma^2 d is enough": Mutant(draw=lambda r, i: draw(r, i, factor=0.5)),
        "only the largest eigenvalue need satisfy it": Mutant(
            draw=lambda r, i: draw(r, i, spare=lambda d, power: d == d.max())
        ),
        "d^2 in place of d": Mutant(draw=lambda r, i: draw(r, i, spare=lambda d, power: d)),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
