"""When round tau + 1 lowers the risk: exactly in one direction, sufficiently in many."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from distill_lib.kernel import filters
from tests.theorems import refits
from tests.theorems.ledger import Mutant, Result, both, equal, less

ROUNDS = np.arange(1, 5)


class Instance(NamedTuple):
    d: np.ndarray
    theta: np.ndarray
    sigma: float
    lam: float
    gain: np.ndarray  # R_tau - R_(tau+1) from explicit refits
    size: float  # R_1


def draw(rng, i):
    d = refits.eigenvalues(rng, i)
    lam, sigma = refits.ridge_near(rng, d), 10.0 ** rng.uniform(-1, 1)
    if i % 3 == 0:
        theta = sigma * rng.standard_normal(len(d))
    else:  # every direction turns after about the same number of rounds
        turn = rng.uniform(0.6, 5.5) + rng.uniform(0, 0.1, len(d))
        with np.errstate(divide="ignore"):
            theta = sigma / np.sqrt(np.expm1(turn * np.log1p(lam / d)))
    theta[rng.random(len(d)) < 0.2] = 0.0  # noise only: such a direction always gains
    values = refits.risks(rng, d, theta, sigma, [lam] * (len(ROUNDS) + 1))
    gain = np.array([float(now - then) for now, then in pairwise(values)])
    return Instance(d, theta, sigma, lam, gain, float(values[0]))


def check(x, *, shift=0, factor=2.0, half=0.5):
    a = filters.ridge(x.d, x.lam)
    power = a ** (ROUNDS[:, None] + shift)
    margin = power * (1 + a) * (x.theta**2 + x.sigma**2) - factor * x.theta**2
    terms = a ** ROUNDS[:, None] * (1 - a) * margin
    with np.errstate(divide="ignore"):
        needed = (ROUNDS[:, None] + half) * np.log1p(x.lam / x.d)
        offered = np.log1p(x.sigma**2 / x.theta**2)
    enough = ((needed <= offered) | (x.d == 0)).all(1)
    one = len(x.d) == 1
    return both(
        equal(x.gain, terms.sum(1), scale=np.abs(terms).sum(1).max()),
        less(0.0, np.sign(x.gain) * np.sign(margin[:, 0]) if one else 1.0, scale=1.0),
        less(0.0, np.where(enough, x.gain / x.size, 1.0), scale=1.0),
    )


RESULT = Result(
    label="prp-round-helps",
    assumptions=(
        "the model of the risk formula: fixed inputs, uncorrelated noise of variance sigma^2 > 0",
        "lam > 0, the same in every fit",
        "K not 0",
    ),
    draw=draw,
    statement=check,
    mutants={
        "factor 2 dropped": Mutant(lambda x: check(x, factor=1.0)),
        "exponent off by one": Mutant(lambda x: check(x, shift=1)),
        "sufficient with tau in place of tau + 1/2": Mutant(lambda x: check(x, half=0.0)),
        "risk falls where it rises": Mutant(lambda x: check(x._replace(gain=-x.gain))),
    },
)
test_holds, test_mutants_fail = RESULT.tests()
